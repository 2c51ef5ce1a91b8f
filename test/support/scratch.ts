import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'

/** A new directory that is removed when the test file is done. */
export function scratchDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'sli-'))
  after(() => rmSync(path, { recursive: true, force: true }))
  return path
}
