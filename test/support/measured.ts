/** The command, whatever it ends with, and the most memory that it had. */
import { readFileSync } from 'node:fs'
import { CLI, type Run } from './image.js'
import { measure } from './measure.js'

export interface MeasuredRun extends Pick<Run, 'status' | 'stderr' | 'output'> {
  /** Bytes. */
  memory: number
}

export function runMeasured(conf: string, args: readonly string[] = []): MeasuredRun {
  const output = `${conf}.ours.tar`
  const script = `out=$1; shift; "$@" > "$out" 2> "$out.err"; echo $? > "$out.status"`
  const { memory } = measure('pipe', ['sh', '-c', script, 'sh', output, process.execPath, CLI, conf, ...args])
  const status = Number(readFileSync(`${output}.status`, 'utf8'))
  return { status, stderr: readFileSync(`${output}.err`, 'utf8'), output, memory }
}
