/** Passes of layers that are so small that whoever asks for them does them sooner than another thread. */
import { lstatSync } from 'node:fs'
import { fsPath } from '../python/fs-encoding.js'
import { measureArchive } from './archive.js'
import { type AnyPass, type Pass, type Reply, type Tasks, tasks } from './tasks.js'
import { type Budget, OverBudget, planStorePaths } from './walk.js'

/** @returns undefined when it is not small, or would take more than what is left of the budget */
export async function runSmall(
  pass: AnyPass,
  budget: Budget,
): Promise<Reply<Tasks[Pass]['output']> | undefined> {
  if (pass.kind === 'openCustomisation') {
    const size = sizeOf(`${pass.input.directory}/layer.tar`)
    return spend(budget, size) ? tasks.openCustomisation(pass.input) : undefined
  }
  if (pass.kind !== 'plan' && pass.kind !== 'checksum') return undefined
  const { input } = pass
  try {
    const planned = input.planned ?? planStorePaths(input.paths, budget)
    if (input.planned !== undefined && !spend(budget, measureArchive(planned.plan, input.owner).size))
      return undefined
    return pass.kind === 'plan' ? tasks.plan({ ...input, planned }) : tasks.checksum({ ...input, planned })
  } catch (error) {
    // What cannot be read is told as it is of any layer.
    return error instanceof OverBudget ? undefined : tasks[pass.kind](input)
  }
}

function spend(budget: Budget, bytes: number): boolean {
  budget.bytes -= bytes
  return budget.bytes >= 0
}

/** In bytes; none of what cannot be read, which whoever reads it tells. */
function sizeOf(path: string): number {
  try {
    return lstatSync(fsPath(path)).size
  } catch {
    return 0
  }
}
