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

/** @returns what gives the path of nothing yet each time, all in this directory */
export function pathsIn(root: string): () => string {
  let count = 0
  return () => join(root, `d${count++}`)
}

/** @returns what makes a new, empty directory each time, all in this one */
export function directoriesIn(root: string): () => string {
  const newPath = pathsIn(root)
  return () => {
    const path = newPath()
    mkdirSync(path)
    return path
  }
}
