import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'

/** A new directory that is removed when the test file is done. */
export function scratchDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'sli-'))
  after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** @returns what makes a new, empty directory each time, all in this one */
export function directoriesIn(root: string): () => string {
  let count = 0
  return () => {
    const path = join(root, `d${count++}`)
    mkdirSync(path)
    return path
  }
}
