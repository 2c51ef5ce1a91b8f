/** What a worker thread runs: one exported function for each task. */
import { tasks } from '../src/layers/tasks.js'

export const {
  plan,
  checksum,
  hashTogether,
  digest,
  stream,
  slice,
  blob,
  contents,
  audit,
  openArchive,
  openBase,
  openCustomisation,
  expand,
  help,
} = tasks
