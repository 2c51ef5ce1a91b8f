/** A worker like the real one, whose helpers die. */
import { tasks } from '../../src/layers/tasks.js'

export const { checksum, hashTogether, stream } = tasks

export function help(): never {
  process.exit(7)
}
