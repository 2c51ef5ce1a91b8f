/** What a worker thread runs: one exported function for each task. */
import { tasks } from '../src/layers/tasks.js'

export const { checksum, archive, plan, blob, openBase, openCustomisation, expand, ranges, several } = tasks
