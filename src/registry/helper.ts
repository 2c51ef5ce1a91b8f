/** Credential helpers: programs that are asked for a secret (the protocol of docker-credential-helpers). */
import { type ChildProcess, spawn } from 'node:child_process'
import { aborted, checkAborted, ImageError, systemReason } from '../errors.js'

/** Bounds for a helper. Tests put shorter ones in their place. */
export interface HelperBounds {
  /** Milliseconds for its answer: somebody may have to type a passphrase. */
  answer: number
  /** Milliseconds between SIGTERM and SIGKILL, and for its output to end after its own end. */
  grace: number
  /** Bytes of its output; an answer has hundreds. */
  output: number
}

export const HELPER_BOUNDS: HelperBounds = { answer: 60_000, grace: 500, output: 1 << 20 }

/**
 * Asks `docker-credential-NAME get`. When this returns, none of its process group is left that kept its output open,
 * or did not end in time.
 * @throws ImageError CREDENTIALS_INVALID without any of its output, ABORTED
 */
export async function runHelper(
  program: string,
  input: string,
  signal: AbortSignal,
  { answer, grace, output: most }: HelperBounds = HELPER_BOUNDS,
): Promise<{ status: number | null; output: string }> {
  checkAborted(signal)
  // A group of its own, so that its children can be told from ours.
  const child = spawn(program, ['get'], { stdio: ['pipe', 'pipe', 'ignore'], detached: true })
  const parts: Buffer[] = []
  let size = 0
  let failure: ImageError | undefined
  let killing: NodeJS.Timeout | undefined
  const kill = (): void => {
    signalGroup(child, 'SIGKILL')
    // What has left the group may hold it still.
    child.stdout.destroy()
  }
  const killLater = (): void => {
    killing ??= setTimeout(kill, grace)
  }
  const stop = (reason: ImageError): void => {
    failure ??= reason
    signalGroup(child, 'SIGTERM')
    killLater()
  }
  const abort = (): void => stop(aborted(signal.reason))
  signal.addEventListener('abort', abort, { once: true })
  const late = setTimeout(
    () => stop(invalid(program, `expected an answer within ${answer / 1000} s, found none`)),
    answer,
  )
  child.stdout.on('data', (part: Buffer) => {
    size += part.length
    if (size > most) stop(invalid(program, `expected at most ${most} bytes, found more`))
    else parts.push(part)
  })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  child.on('exit', killLater)
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      child.on('error', (cause) =>
        reject(
          new ImageError('CREDENTIALS_INVALID', `cannot run ${program}: ${systemReason(cause)}`, { cause }),
        ),
      )
      child.on('close', resolve)
    })
    if (failure !== undefined) throw failure
    return { status, output: Buffer.concat(parts).toString() }
  } finally {
    if (failure !== undefined) kill()
    clearTimeout(killing)
    clearTimeout(late)
    signal.removeEventListener('abort', abort)
  }
}

function signalGroup({ pid }: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, name)
  } catch {
    // None of them is left.
  }
}

function invalid(program: string, message: string): ImageError {
  return new ImageError('CREDENTIALS_INVALID', `${program}: ${message}`)
}
