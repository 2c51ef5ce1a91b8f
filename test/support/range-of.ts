import { statSync } from 'node:fs'
import { fingerprintOf } from '../../src/layers/fingerprint.js'
import type { FileRange } from '../../src/model/recipe.js'

/** Bytes of a plain file, as it is now. */
export function rangeOf(path: string, offset: number, size: number): FileRange {
  return {
    kind: 'range',
    path,
    fingerprint: fingerprintOf(statSync(path)),
    compression: 'none',
    range: { offset, size },
  }
}
