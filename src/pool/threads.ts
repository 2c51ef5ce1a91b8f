import { availableParallelism } from 'node:os'

/**
 * Each thread takes some 14 MB, so that memory is no matter of the machine: an image of 2.5 GB takes 300 MB with so many.
 * A pipe is no faster with more.
 */
const MOST = 12

/**
 * How many threads work on an image: what was asked for, otherwise the machine's parallelism, no more than
 * `NIX_BUILD_CORES` allows (0 there means all), and no more than {@link MOST}.
 */
export function threadCount(asked: number | undefined, environment: NodeJS.ProcessEnv = process.env): number {
  if (asked !== undefined) return asked
  const cores = Number(environment.NIX_BUILD_CORES)
  const available = availableParallelism()
  return Math.min(MOST, available, Number.isInteger(cores) && cores > 0 ? cores : available)
}
