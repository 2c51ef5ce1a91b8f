/** A worker like the real one, whose helpers die; the file that `FORSAKEN` names tells that one did. */
import { writeFileSync } from 'node:fs'
import { tasks } from '../../src/layers/tasks.js'

export const { checksum, hashTogether, stream } = tasks

export function help(): never {
  if (process.env.FORSAKEN !== undefined) writeFileSync(process.env.FORSAKEN, '')
  process.exit(7)
}
