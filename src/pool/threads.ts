import { availableParallelism } from 'node:os'

/**
 * How many checksum passes run at once: what was asked for, otherwise the machine's parallelism, no more
 * than `NIX_BUILD_CORES` allows (0 there means all).
 */
export function threadCount(asked: number | undefined, environment: NodeJS.ProcessEnv = process.env): number {
  if (asked !== undefined) return asked
  const cores = Number(environment.NIX_BUILD_CORES)
  const available = availableParallelism()
  return Number.isInteger(cores) && cores > 0 ? Math.min(cores, available) : available
}
