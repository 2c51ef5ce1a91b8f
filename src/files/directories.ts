import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { systemCode } from '../errors.js'

/**
 * Makes a directory and those above it. Node's own way to do so never returns where the file system says that
 * the parent is missing although it is there, as in /proc.
 * @returns those that were made, the topmost first
 * @throws the system's error
 */
export function makeDirectories(path: string): string[] {
  try {
    mkdirSync(path)
    return [path]
  } catch (error) {
    const code = systemCode(error)
    const there = statSync(path, { throwIfNoEntry: false })
    if (there?.isDirectory()) return []
    const parent = dirname(path)
    if (code !== 'ENOENT' || parent === path) throw error
    const above = makeDirectories(parent)
    // The parent is there, so that a second ENOENT is an answer.
    mkdirSync(path)
    return [...above, path]
  }
}
