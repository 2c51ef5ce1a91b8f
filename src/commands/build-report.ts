/** `--report FILE`: what happened when, beside what people are shown. */
import { expectApart } from '../files/apart.js'
import { writeWhole } from '../files/partial-file.js'
import { expectWritable } from '../files/target.js'
import type { Emit } from '../model/events.js'
import { Recording } from '../report/recording.js'
import type { Result } from '../report/reporter.js'
import { namedPaths } from './named-paths.js'

export interface BuildReport {
  report: Emit
  /** Writes the file. @throws ImageError OUTPUT_FAILED, ABORTED */
  finish(result: Result, signal: AbortSignal): Promise<void>
}

/**
 * @param written destinations and files that are written too @param read files that are read
 * @throws ImageError OUTPUT_FAILED; DESTINATION_INVALID for a file that is another one's place
 */
export function openReport(name: string, written: readonly string[], read: readonly string[]): BuildReport {
  expectApart([...namedPaths(written), { name, path: name }], namedPaths(read))
  const recording = new Recording()
  // It is made at the end: what lies among store paths meanwhile would be part of the image.
  expectWritable(name)
  return {
    report: (event) => recording.report(event),
    finish: (result, signal) => writeWhole(name, recording.document(result), signal),
  }
}
