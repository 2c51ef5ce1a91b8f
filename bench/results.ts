/** What a benchmark run found, and its table. */

export interface CaseResult {
  name: string
  title: string
  target: number
  /** Medians, in seconds; ratio is the median of the pairs' ratios. */
  reference: number
  ours: number
  ratio: number
  ratioSpread: [number, number]
  /** CPU seconds. */
  referenceCpu: number
  oursCpu: number
  /** Peak bytes of ours. */
  memory: number
  /** Seconds until our first byte. */
  firstByte: number
}

/** Pushes to a registry. Seconds, bytes. */
export interface PushResult {
  title: string
  target: number
  reference: number | null
  ours: number
  ratio: number | null
  memory: number
  note?: string
}

/** Into an engine. Seconds, bytes; least and greatest of the runs. */
export interface LoadResult {
  title: string
  target: string
  reference: number | null
  ours: number
  oursSpread: [number, number] | null
  ratio: number | null
  ratioSpread: [number, number] | null
  memory: number
}

/** What a verb takes that reads images. Seconds, bytes. */
export interface ReadResult {
  title: string
  seconds: number
  memory: number
}

export interface Results {
  date: string
  machine: string
  command: string
  pairs: number
  cases: CaseResult[]
  workers: { jobs: number; seconds: number }[]
  growth: { eighths: number; seconds: number; memory: number }[]
  /** Seconds for the same bytes: SHA-256 in parallel, and one GNU tar to a pipe. */
  limits: { openssl: number; tar: number } | null
  push: PushResult[]
  load: LoadResult[]
  reading: ReadResult[]
}

export function table(results: Results): string {
  const rows = results.cases.map((it) =>
    [
      it.title,
      `${it.reference.toFixed(2)} s`,
      `${it.ours.toFixed(2)} s`,
      `**${it.ratio.toFixed(1)}** (${it.ratioSpread.map((ratio) => ratio.toFixed(1)).join('–')})`,
      it.target > 0 ? `≥ ${it.target}` : '',
      `${(it.memory / 1e6).toFixed(0)} MB`,
      `${it.referenceCpu.toFixed(1)} / ${it.oursCpu.toFixed(1)} s`,
      `${(it.firstByte * 1000).toFixed(0)} ms`,
    ].join(' | '),
  )
  const lines: string[] = []
  if (rows.length > 0)
    lines.push(
      '| case | reference | ours | times as fast | target | peak memory | CPU, reference / ours | first byte |',
      '|---|---|---|---|---|---|---|---|',
      ...rows.map((row) => `| ${row} |`),
    )
  if (results.push.length > 0)
    lines.push(
      '',
      '| push of the closure | reference, zstd -1, skopeo | ours | times as fast | target | peak memory | |',
      '|---|---|---|---|---|---|---|',
      ...results.push.map(pushRow),
    )
  if (results.load.length > 0)
    lines.push(
      '',
      '| into an engine | reference, into its load | ours | times as fast | target | peak memory |',
      '|---|---|---|---|---|---|',
      ...results.load.map(loadRow),
    )
  if (results.reading.length > 0)
    lines.push(
      '',
      '| reading an image of 100 layers, 2.5 GB | seconds | peak memory |',
      '|---|---|---|',
      ...results.reading.map(
        ({ title, seconds, memory }) =>
          `| ${title} | ${seconds.toFixed(2)} | ${(memory / 1e6).toFixed(0)} MB |`,
      ),
    )
  if (results.workers.length > 0)
    lines.push(
      '',
      `Workers: ${results.workers.map(({ jobs, seconds }) => `${jobs}: ${seconds.toFixed(2)} s`).join(', ')}.`,
    )
  if (results.growth.length > 0) {
    lines.push(
      '',
      `Work: ${results.growth.map(({ eighths, seconds, memory }) => `${eighths}/8: ${seconds.toFixed(2)} s, ${(memory / 1e6).toFixed(0)} MB`).join('; ')}.`,
    )
  }
  if (results.limits !== null)
    lines.push(
      '',
      `Limits for the same bytes: \`openssl dgst\` in parallel ${results.limits.openssl.toFixed(2)} s, GNU tar to a pipe ${results.limits.tar.toFixed(2)} s.`,
    )
  return `${lines.join('\n')}\n`
}

function pushRow({ title, reference, ours, ratio, target, memory, note }: PushResult): string {
  const cells = [
    title,
    reference === null ? '' : `${reference.toFixed(1)} s`,
    `${ours.toFixed(2)} s`,
    ratio === null ? '' : `**${ratio.toFixed(1)}**`,
    target > 0 ? `≥ ${target}` : '',
    `${(memory / 1e6).toFixed(0)} MB`,
    note ?? '',
  ]
  return `| ${cells.join(' | ')} |`
}

function loadRow(result: LoadResult): string {
  const { title, reference, ours, oursSpread, ratio, ratioSpread, target, memory } = result
  const between = (values: [number, number] | null, digits: number): string =>
    values === null ? '' : ` (${values.map((value) => value.toFixed(digits)).join('–')})`
  const cells = [
    title,
    reference === null ? '' : `${reference.toFixed(1)} s`,
    `${ours.toFixed(2)} s${between(oursSpread, 2)}`,
    ratio === null ? '' : `**${ratio.toFixed(1)}**${between(ratioSpread, 1)}`,
    target,
    `${(memory / 1e6).toFixed(0)} MB`,
  ]
  return `| ${cells.join(' | ')} |`
}
