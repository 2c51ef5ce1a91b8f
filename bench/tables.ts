/** What a benchmark run found, as Markdown. */
import { coresTables } from './cores/tables.js'
import type {
  CaseResult,
  LeakResult,
  LoadResult,
  PushResult,
  ReadResult,
  Results,
  ScaleResult,
  WayResult,
  WorkersResult,
} from './results.js'
import { rows } from './rows.js'

export function tables(results: Results): string {
  const { cases, push, load, reading, ways, engines, leaks, scale, workers, growth, cores, limits } = results
  const parts = [
    rows(
      cases,
      '| case | reference | ours | times as fast | peak memory | CPU, reference / ours | first byte |',
      caseRow,
    ),
    rows(
      push,
      '| push of the closure | reference, zstd -1, skopeo | ours | times as fast | peak memory | |',
      pushRow,
    ),
    rows(load, '| into an engine | reference, into its load | ours | times as fast | peak memory |', loadRow),
    rows(reading, '| reading an image of 100 layers, 2.5 GB | seconds | peak memory |', readRow),
    rows(ways, '| 100 layers, 2.5 GB | seconds | peak memory | open descriptors | threads |', wayRow),
    rows(
      engines,
      '| 100 layers, 2.5 GB, and engines | seconds | peak memory | open descriptors | threads |',
      wayRow,
    ),
    rows(
      leaks,
      '| builds in one process | memory | heap | descriptors | threads | handles | temporary files |',
      leakRow,
    ),
    rows(scale, '| | seconds | peak memory | open descriptors | threads | found |', scaleRow),
    rows(workers, '| | workers | seconds | CPU | peak memory |', workersRow),
    ...coresTables(cores),
    sentence(
      'Work',
      growth.map(
        ({ eighths, seconds, memory }) => `${eighths}/8: ${seconds.toFixed(2)} s, ${megabytes(memory)}`,
      ),
    ),
    limits === null
      ? ''
      : `Limits for the same bytes: \`openssl dgst\` in parallel ${limits.openssl.toFixed(2)} s, GNU tar to a pipe ${limits.tar.toFixed(2)} s.`,
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function sentence(what: string, facts: readonly string[]): string {
  return facts.length === 0 ? '' : `${what}: ${facts.join('; ')}.`
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`
}

function caseRow(it: CaseResult): string[] {
  return [
    it.title,
    `${it.reference.toFixed(2)} s`,
    `${it.ours.toFixed(2)} s`,
    `**${it.ratio.toFixed(1)}** (${it.ratioSpread.map((ratio) => ratio.toFixed(1)).join('–')})`,
    megabytes(it.memory),
    `${it.referenceCpu.toFixed(1)} / ${it.oursCpu.toFixed(1)} s`,
    `${(it.firstByte * 1000).toFixed(0)} ms`,
  ]
}

function pushRow({ title, reference, ours, ratio, memory, note }: PushResult): string[] {
  return [
    title,
    reference === null ? '' : `${reference.toFixed(1)} s`,
    `${ours.toFixed(2)} s`,
    ratio === null ? '' : `**${ratio.toFixed(1)}**`,
    megabytes(memory),
    note ?? '',
  ]
}

function loadRow(result: LoadResult): string[] {
  const { title, reference, ours, oursSpread, ratio, ratioSpread, memory } = result
  const between = (values: [number, number] | null, digits: number): string =>
    values === null ? '' : ` (${values.map((value) => value.toFixed(digits)).join('–')})`
  return [
    title,
    reference === null ? '' : `${reference.toFixed(1)} s`,
    `${ours.toFixed(2)} s${between(oursSpread, 2)}`,
    ratio === null ? '' : `**${ratio.toFixed(1)}**${between(ratioSpread, 1)}`,
    megabytes(memory),
  ]
}

function readRow({ title, seconds, memory }: ReadResult): string[] {
  return [title, seconds.toFixed(2), megabytes(memory)]
}

function wayRow({ title, seconds, memory, descriptors, threads }: WayResult): string[] {
  return [title, `${seconds.toFixed(2)} s`, megabytes(memory), `${descriptors}`, `${threads}`]
}

function scaleRow(result: ScaleResult): string[] {
  return [...wayRow(result), result.note]
}

function workersRow({ title, jobs, seconds, cpu, memory }: WorkersResult): string[] {
  return [title, `${jobs}`, seconds.toFixed(2), `${cpu.toFixed(1)} s`, megabytes(memory)]
}

function leakRow({ builds, memory, heap, descriptors, threads, resources, temporary }: LeakResult): string[] {
  const handles = Object.entries(resources).map(([kind, count]) => `${count} ${kind}`)
  return [
    ...[`${builds}`, megabytes(memory), megabytes(heap), `${descriptors}`, `${threads}`],
    ...[handles.join(', '), `${temporary}`],
  ]
}
