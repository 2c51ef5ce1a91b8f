/** A build's report as what the explorer shows of it. */
import * as v from 'valibot'
import { ImageError } from '../errors.js'
import { readText } from '../files/read-whole.js'
import { printable } from '../report/log.js'
import type { ThreadData, TimelineData } from './data.js'

/** Works that are shown, the longest; and characters of what they are about. */
const MAX_WORKS = 4000
const MAX_SUBJECT = 120

const SECONDS = v.pipe(v.number(), v.minValue(0))
const REPORT = v.object({
  seconds: SECONDS,
  events: v.array(v.looseObject({ type: v.string() })),
})
const WORKED = v.object({
  type: v.literal('worked'),
  thread: v.pipe(v.number(), v.integer()),
  task: v.string(),
  subject: v.string(),
  from: SECONDS,
  to: SECONDS,
})

/** @param file that `--report` wrote @throws ImageError OPTION_INVALID */
export async function readTimeline(file: string, signal: AbortSignal | undefined): Promise<TimelineData> {
  const text = await readText(file, 'OPTION_INVALID', `--report: cannot read ${file}`, signal)
  try {
    const { seconds, events } = v.parse(REPORT, JSON.parse(text))
    return timelineData(
      seconds,
      events.filter(({ type }) => type === 'worked').map((event) => v.parse(WORKED, event)),
    )
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause)
    throw new ImageError(
      'OPTION_INVALID',
      `--report ${file}: expected the report of a build, found other content: ${found}`,
      { hint: 'a build writes one with --report FILE', cause },
    )
  }
}

function timelineData(seconds: number, works: readonly v.InferOutput<typeof WORKED>[]): TimelineData {
  const shown = [...works]
    .sort((a, b) => b.to - b.from - (a.to - a.from))
    .slice(0, MAX_WORKS)
    .sort((a, b) => a.from - b.from)
  const tasks = [...new Set(shown.map(({ task }) => task))]
  const threads = new Map<number, ThreadData['works'][number][]>()
  for (const { thread, task, subject, from, to } of shown) {
    const about = printable(subject).slice(0, MAX_SUBJECT)
    const work = [milliseconds(from), milliseconds(to), tasks.indexOf(task), about] as const
    const its = threads.get(thread)
    if (its === undefined) threads.set(thread, [work])
    else its.push(work)
  }
  return {
    milliseconds: Math.max(1, milliseconds(seconds)),
    tasks: tasks.map(printable),
    threads: [...threads].sort(([a], [b]) => a - b).map(([thread, its]) => ({ thread, works: its })),
    more: works.length - shown.length,
  }
}

function milliseconds(seconds: number): number {
  return Math.round(seconds * 1000)
}
