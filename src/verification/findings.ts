/** What is found, once each. */
import { ImageError } from '../errors.js'
import type { Checked, Problem } from './result.js'

/** Of an image; far more than anybody reads. */
const MAX_PROBLEMS = 10_000

const PLACES = new Intl.Collator('en', { numeric: true })

export class Findings {
  readonly problems: Problem[] = []
  readonly checked: Checked = { images: 0, layers: 0, bytes: 0 }
  private readonly known = new Set<string>()

  add(where: string, message: string): void {
    const key = `${where}\0${message}`
    if (this.known.has(key) || this.known.size >= MAX_PROBLEMS) return
    this.known.add(key)
    this.problems.push({ where, message })
  }

  /** Waits for checks that end in any order; what they find is told by place, numbers as numbers. */
  async inOrder(check: () => Promise<void>[]): Promise<void> {
    const start = this.problems.length
    await Promise.all(check())
    const found = this.problems.splice(start)
    this.problems.push(...found.sort((a, b) => PLACES.compare(a.where, b.where)))
  }

  /** What the image is to blame for becomes a problem. @returns undefined then */
  async attempt<T>(where: string, run: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await run()
    } catch (error) {
      // Other failures are the run's.
      if (!(error instanceof ImageError) || error.code !== 'IMAGE_INVALID') throw error
      this.add(where, error.message)
      return undefined
    }
  }
}
