/** What shows people, or programs, how a delivery goes. */
import type { BuildEvent } from '../model/events.js'
import type { BuildResult, DryRunResult, IndexResult } from '../results.js'

export type Result = BuildResult | IndexResult | DryRunResult

export interface Reporter {
  report(event: BuildEvent): void
  /** The delivery is over. @param result undefined: it failed */
  end(result: Result | undefined): void
}
