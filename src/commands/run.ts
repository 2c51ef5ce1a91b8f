/** What all verbs have in common: signals, failures in words, exit statuses. */
import { type ErrorCode, ImageError } from '../errors.js'
import { logFailure, logStacks } from '../report/log.js'

export const STATUS = { ok: 0, failure: 1, usage: 2, brokenPipe: 141, found: 1, trouble: 2 } as const

/** What a shell shows for a process that the signal ended: 128 and its number. */
const STOPPED = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

/** What is wrong already in what was asked for. */
const USAGE: readonly ErrorCode[] = ['OPTION_INVALID', 'DESTINATION_INVALID']

/**
 * Runs a verb, with signals handled and failures reported.
 * @param debug whether stacks and causes are shown; `DEBUG` asks for them too
 * @returns the exit status
 */
export async function run(
  debug: boolean | undefined,
  action: (signal: AbortSignal) => Promise<void>,
): Promise<number> {
  const stop = new AbortController()
  let stopped: number | undefined
  for (const [signal, status] of Object.entries(STOPPED)) {
    process.on(signal, () => {
      // Whoever asks twice does not want to wait.
      if (stopped !== undefined) process.exit(stopped)
      stopped = status
      stop.abort()
    })
  }
  try {
    await Promise.race([action(stop.signal), leftUndone()])
    return STATUS.ok
  } catch (error) {
    return stopped ?? fail(error, debug)
  }
}

/** Node ends with status 0 when it has nothing left to wait for, whoever still does. @throws ImageError INTERNAL, then */
function leftUndone(): Promise<never> {
  return new Promise((_, reject) => {
    process.once('beforeExit', () =>
      reject(new ImageError('INTERNAL', 'expected an end, found nothing that is left to wait for')),
    )
  })
}

/** Reports a failure. @returns the exit status */
export function fail(error: unknown, debug?: boolean): number {
  const { code, hint } = error instanceof ImageError ? error : {}
  if (code !== 'OUTPUT_CLOSED') {
    const message = error instanceof Error ? error.message : String(error)
    logFailure({ message, code, hint })
  }
  if ((debug || process.env.DEBUG) && error instanceof Error) logStacks(error)
  if (code === 'OUTPUT_CLOSED') return STATUS.brokenPipe
  return code !== undefined && USAGE.includes(code) ? STATUS.usage : STATUS.failure
}

/** As {@link run}, with the statuses of diff(1): 0 when the action finds nothing, 1 when it does, 2 in trouble. */
export async function runFinding(
  debug: boolean | undefined,
  action: (signal: AbortSignal) => Promise<boolean>,
): Promise<number> {
  let hasFound = false
  const status = await run(debug, async (signal) => {
    hasFound = await action(signal)
  })
  if (status === STATUS.failure) return STATUS.trouble
  return status === STATUS.ok && hasFound ? STATUS.found : status
}
