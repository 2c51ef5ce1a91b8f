/** The two programs that are compared, and how a run of one is measured. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export const CLI = fileURLToPath(new URL('../../command/src/main/cli.js', import.meta.url))
/** The two-pass reference on CPython's tarfile. It is not compiled: it stands in the source tree. */
export const REFERENCE = fileURLToPath(new URL('../../../test/oracle/reference.py', import.meta.url))
const MEASURE = fileURLToPath(new URL('../../../test/support/measure.py', import.meta.url))

export interface Measurement {
  /** Wall clock until command and reader have ended. */
  seconds: number
  /** CPU seconds of the command. */
  cpu: number
  /** Its peak memory in bytes. */
  memory: number
  /** Seconds until the first byte came, where that was asked for. */
  firstByte: number | null
  /** The most descriptors that were open at once, and threads that were there, where it was watched. */
  descriptors: number
  threads: number
}

/**
 * @param target `pipe`, `first` (a pipe whose first byte is timed), `watched` (a pipe) or the path of a file
 * @param expected the command's exit status
 */
export function measure(
  target: string,
  command: readonly string[],
  env: NodeJS.ProcessEnv = {},
  expected = 0,
): Measurement {
  const { status, stdout, stderr } = spawnSync('python3', [MEASURE, target, ...command], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  if (status !== 0) throw new Error(`measuring ${command.join(' ')} failed: ${stderr}`)
  return measured(stdout, command, expected)
}

/** Watches a program beside what this process does. @returns what it took, and what ends it with SIGTERM */
export function startMeasured(command: readonly string[]): {
  ended: Promise<Measurement>
  stop: () => void
} {
  const child = spawn('python3', [MEASURE, 'watched', ...command], { stdio: ['ignore', 'pipe', 'inherit'] })
  const stop = (): void => void child.kill('SIGTERM')
  process.once('exit', stop)
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  const ended = once(child, 'close').then(() => {
    process.off('exit', stop)
    return measured(text, command, 0)
  })
  return { ended, stop }
}

function measured(text: string, command: readonly string[], expected: number): Measurement {
  const { status, ...measurement } = JSON.parse(text) as Measurement & { status: number }
  if (status !== expected) throw new Error(`${command.join(' ')} failed with status ${status}`)
  return measurement
}

/** Of these programs, those that are not here. */
export function missing(programs: readonly string[]): string[] {
  return programs.filter((name) => spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name]).status !== 0)
}

/** A run of this project's command. */
export function ours(...args: string[]): string[] {
  return [process.execPath, CLI, ...args]
}

/** Reads everything once, so that no run waits for a disk. */
export function warm(paths: readonly string[]): void {
  spawnSync('sh', ['-c', 'find "$@" -type f -print0 | xargs -0 cat > /dev/null', 'sh', ...paths])
}

/** SHA-256 of a command's output. */
export function digestOf(command: readonly string[]): string {
  const script = '"$@" 2> /dev/null | sha256sum'
  const { stdout } = spawnSync('sh', ['-c', script, 'sh', ...command], { encoding: 'utf8' })
  return stdout.split(' ')[0]!
}
