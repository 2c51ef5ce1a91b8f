/** What was simulated, as Markdown. */
import type { CoresResult } from '../results.js'
import { rows } from '../rows.js'

export function coresTables(results: readonly CoresResult[]): string[] {
  if (results.length === 0) return []
  const cores = results[0]!.simulated.map((it) => it.cores)
  const columns = cores.map((count) => `${count} |`).join(' ')
  return [
    rows(
      results.flatMap(({ title, costs, busy }) => [
        { title, costs },
        { title: `${title}, all cores busy`, costs: busy },
      ]),
      '| CPU seconds | walk | read | hash | of it the largest layer | read again | main thread’s writes | the reader |',
      ({ title, costs: { walk, read, hash, largest, produce, write, take } }) => [
        title,
        ...[walk, read, hash, largest, produce, write, take].map((it) => it.toFixed(2)),
      ],
    ),
    rows(results, `| seconds on so many cores | ${columns} GNU tar |`, simulatedRow),
    rows(results, `| what binds (saved when it takes half) | ${columns}`, bindsRow),
    rows(
      results.flatMap(({ title, measured, simulated }) =>
        measured.map((it) => ({ title, ...it, simulated: simulated.find((on) => on.cores === it.cores)! })),
      ),
      '| simulated and measured | cores | simulated | measured | error | CPU simulated | measured |',
      ({ title, cores, seconds, cpu, simulated }) => [
        title,
        `${cores}`,
        simulated.seconds.toFixed(2),
        seconds.toFixed(2),
        percent(simulated.seconds / seconds - 1),
        simulated.cpu.toFixed(2),
        cpu.toFixed(2),
      ],
    ),
    ...results.map(({ name, whatIf }) =>
      rows(whatIf, `| ${name}: what if | ${columns}`, ({ title, seconds }) => [
        title,
        ...seconds.map((it) => it.toFixed(2)),
      ]),
    ),
  ]
}

function simulatedRow({ title, simulated, tar }: CoresResult): string[] {
  return [title, ...simulated.map(({ seconds }) => seconds.toFixed(2)), tar.toFixed(2)]
}

function bindsRow({ title, simulated }: CoresResult): string[] {
  return [title, ...simulated.map(({ binds }) => `${binds.part} (${percent(binds.saves)})`)]
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`
}
