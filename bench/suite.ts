/** What benchmarks are run with, and a group of them that is asked for by one name. */
import type { Results } from './results.js'

export interface Bench {
  /** Where inputs are made and kept. */
  work: string
  /** How many runs of each, or pairs of runs. */
  pairs: number
  /** How much of the closure is loaded into engines, 1 is all. */
  part: number
  /** Of which things there are large numbers. */
  scales: readonly string[]
  /** The command of the script for a configuration. */
  reference(conf: string): string[]
  /** Takes lines for people. */
  say(text: string): void
}

export interface Suite {
  /** Programs without which it is left out. */
  needs: readonly string[]
  run(bench: Bench): Promise<Partial<Results>>
}
