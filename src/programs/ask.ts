/** A program that is given something and answers: its output is bounded, and it ends with the question. */
import { type ChildProcess, spawn } from 'node:child_process'
import { aborted, checkAborted, type ImageError, systemReason } from '../errors.js'

export interface Bounds {
  /** Milliseconds for its answer. */
  answer: number
  /** Milliseconds between SIGTERM and SIGKILL, and for its output to end after its own end. */
  grace: number
  /** Bytes of its output. */
  output: number
}

interface ProgramQuestion {
  program: string
  args: readonly string[]
  /** Its standard input. */
  input: string
  /** Beside this process's own. */
  env?: Readonly<Record<string, string>>
  /** Bytes of what it says last on standard error that are kept; default: none. */
  errors?: number
  bounds: Bounds
  /** The error for what goes wrong with it, as a sentence. */
  fail(message: string, cause?: unknown): ImageError
  signal: AbortSignal | undefined
}

interface ProgramAnswer {
  status: number | null
  output: string
  /** The end of its standard error. */
  errors: string
}

/**
 * When this returns, none of the program's process group is left that kept its output open, or did not end in time.
 * @throws ImageError as `fail` makes it, without any of its output; ABORTED
 */
export async function askProgram(question: ProgramQuestion): Promise<ProgramAnswer> {
  const { program, args, input, env, errors: kept = 0, bounds, fail, signal } = question
  checkAborted(signal)
  // A group of its own, so that its children can be told from ours.
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', kept > 0 ? 'pipe' : 'ignore'],
    detached: true,
    ...(env === undefined ? {} : { env: { ...process.env, ...env } }),
  })
  const { stdin, stdout, stderr } = child
  const parts: Buffer[] = []
  let size = 0
  let said = Buffer.alloc(0)
  let failure: ImageError | undefined
  let killing: NodeJS.Timeout | undefined
  const kill = (): void => {
    signalGroup(child, 'SIGKILL')
    // What has left the group may hold them still.
    stdout?.destroy()
    stderr?.destroy()
  }
  const killLater = (): void => {
    killing ??= setTimeout(kill, bounds.grace)
  }
  const stop = (reason: ImageError): void => {
    failure ??= reason
    signalGroup(child, 'SIGTERM')
    killLater()
  }
  const abort = (): void => stop(aborted(signal?.reason))
  signal?.addEventListener('abort', abort, { once: true })
  process.once('exit', kill)
  const late = setTimeout(
    () => stop(fail(`expected an answer within ${bounds.answer / 1000} s, found none`)),
    bounds.answer,
  )
  stdout?.on('data', (part: Buffer) => {
    size += part.length
    if (size > bounds.output) stop(fail(`expected at most ${bounds.output} bytes, found more`))
    else parts.push(part)
  })
  stderr?.on('data', (part: Buffer) => {
    said = Buffer.concat([said, part]).subarray(-kept)
  })
  stdin?.on('error', () => {})
  stdin?.end(input)
  child.on('exit', killLater)
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      child.on('error', (cause) => reject(fail(`it cannot be run: ${systemReason(cause)}`, cause)))
      child.on('close', resolve)
    })
    if (failure !== undefined) throw failure
    return { status, output: Buffer.concat(parts).toString(), errors: said.toString() }
  } finally {
    if (failure !== undefined) kill()
    clearTimeout(killing)
    clearTimeout(late)
    signal?.removeEventListener('abort', abort)
    process.off('exit', kill)
  }
}

function signalGroup({ pid }: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, name)
  } catch {
    // None of them is left.
  }
}
