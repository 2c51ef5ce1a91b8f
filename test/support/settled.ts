import { setTimeout } from 'node:timers/promises'
import { planStorePaths } from '../../src/layers/walk.js'

/** Resolves when none of the files is called fresh any more: digests of fresh files are not remembered. */
export async function settled(...paths: string[]): Promise<void> {
  while (planStorePaths(paths).fresh) await setTimeout(50)
}
