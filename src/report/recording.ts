/** What happened during a delivery, as one JSON document: events with their times, and the result. */
import type { BuildEvent } from '../model/events.js'
import { VERSION } from '../version.js'
import type { Result } from './reporter.js'

export class Recording {
  private readonly started = Date.now()
  private readonly events: object[] = []

  report(event: BuildEvent): void {
    // What is under way five times a second is told by works, too.
    if (event.type === 'progress') return
    this.events.push({ at: this.since(Date.now()), ...this.inSeconds(event) })
  }

  /** @returns the document; times are in seconds since the start */
  document(result: Result): string {
    const head = { version: VERSION, started: new Date(this.started).toISOString() }
    const seconds = this.since(Date.now())
    return `${JSON.stringify({ ...head, seconds, events: this.events, result })}\n`
  }

  private inSeconds(event: BuildEvent): object {
    if (event.type !== 'worked') return event
    return { ...event, from: this.since(event.from), to: this.since(event.to) }
  }

  private since(time: number): number {
    return Math.max(0, Math.round(time - this.started)) / 1000
  }
}
