/** Events as JSON, a line each (docs/progress.md). */
import type { BuildEvent } from '../model/events.js'
import { logJson, speakJson } from './log.js'
import type { Reporter, Result } from './reporter.js'

export class JsonLines implements Reporter {
  /** @param isQuiet whether only warnings are told */
  constructor(private readonly isQuiet: boolean) {
    speakJson()
  }

  report(event: BuildEvent): void {
    if (!this.isQuiet || event.type === 'warning') logJson(event)
  }

  end(result: Result | undefined): void {
    if (result !== undefined && !this.isQuiet) logJson({ type: 'result', result })
  }
}
