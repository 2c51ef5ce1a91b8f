/** A machine of so many cores: processes that want to work share them evenly, others wait. Time is simulated. */

/** What a process does next: it works for so many CPU seconds, or waits until something is so, or a time has passed. */
export type Step = number | { until: () => boolean; within?: number }
export type Process = Generator<Step, void, void>

interface State {
  process: Process
  /** CPU seconds that it still works. */
  left: number
  /** What it waits for, where it does, and until when at most. */
  until: (() => boolean) | undefined
  deadline: number
  done: boolean
}

/** Seconds that are none: what additions leave. */
const NONE = 1e-12

/**
 * Runs processes until all have ended.
 * @returns seconds on the clock, and CPU seconds of them all
 * @throws Error when all that are left wait for each other
 */
export function runOn(cores: number, processes: readonly Process[]): { seconds: number; cpu: number } {
  let now = 0
  let cpu = 0
  const states = processes.map((process): State => {
    return { process, left: 0, until: undefined, deadline: Number.POSITIVE_INFINITY, done: false }
  })
  for (const state of states) advance(state, now)
  for (;;) {
    while (states.some((state) => isReady(state, now) && advance(state, now)));
    const working = states.filter(({ left }) => left > 0)
    const alarm = Math.min(
      ...states.map(({ done, deadline }) => (done ? Number.POSITIVE_INFINITY : deadline)),
    )
    if (working.length === 0 && alarm === Number.POSITIVE_INFINITY) break
    const rate = Math.min(1, cores / working.length)
    const next = Math.min(alarm - now, ...working.map(({ left }) => left / rate))
    now += next
    for (const state of working) {
      state.left -= next * rate
      cpu += next * rate
      if (state.left <= NONE) advance(state, now)
    }
  }
  if (states.some(({ done }) => !done)) throw new Error('what is simulated waits for itself')
  return { seconds: now, cpu }
}

function isReady({ until, deadline, done }: State, now: number): boolean {
  return !done && until !== undefined && (deadline <= now + NONE || until())
}

/** Has a process say what it does next, until that takes time. @returns true */
function advance(state: State, now: number): true {
  Object.assign(state, { left: 0, until: undefined, deadline: Number.POSITIVE_INFINITY })
  for (;;) {
    const { value, done } = state.process.next()
    state.done = done === true
    if (done) return true
    if (typeof value === 'number') {
      if (value <= NONE) continue
      state.left = value
      return true
    }
    if (value.until()) continue
    state.until = value.until
    if (value.within !== undefined) state.deadline = now + value.within
    return true
  }
}
