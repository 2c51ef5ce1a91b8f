/** The two programs that are compared, and how a run of one is measured. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const CLI = fileURLToPath(new URL('../command/src/main/cli.js', import.meta.url))
/** The two-pass reference on CPython's tarfile. It is not compiled: it stands in the source tree. */
export const REFERENCE = fileURLToPath(new URL('../../test/oracle/reference.py', import.meta.url))
const MEASURE = fileURLToPath(new URL('../../bench/measure.py', import.meta.url))

export interface Measurement {
  /** Wall clock until command and reader have ended. */
  seconds: number
  /** CPU seconds of the command. */
  cpu: number
  /** Its peak memory in bytes. */
  memory: number
  /** Seconds until the first byte came, where that was asked for. */
  firstByte: number | null
}

/** @param target `pipe`, `first` (a pipe whose first byte is timed) or the path of a file */
export function measure(
  target: string,
  command: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Measurement {
  const { status, stdout, stderr } = spawnSync('python3', [MEASURE, target, ...command], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  if (status !== 0) throw new Error(`measuring ${command.join(' ')} failed: ${stderr}`)
  const result = JSON.parse(stdout) as Measurement & { status: number }
  if (result.status !== 0) throw new Error(`${command.join(' ')} failed with status ${result.status}`)
  return result
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
