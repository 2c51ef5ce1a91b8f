/** `--report FILE`: what happened when, beside what people are shown. */
import { expectApart } from '../files/apart.js'
import { WholeFile } from '../files/partial-file.js'
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
  const file = WholeFile.open(name)
  return {
    report: (event) => recording.report(event),
    finish: async (result, signal) => {
      await file.finish(recording.document(result))
      await file.publish(signal)
    },
  }
}
