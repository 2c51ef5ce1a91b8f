import { accessSync, existsSync, constants as fsConstants, mkdirSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname } from 'node:path'
import { systemCode } from '../errors.js'

/**
 * Makes a directory and those above it. Node's own way to do so never returns where the file system says that
 * the parent is missing although it is there, as in /proc.
 * @returns those that were made, the topmost first
 * @throws the system's error
 */
export function makeDirectories(path: string): string[] {
  const parent = dirname(path)
  const made = make(path)
  if (made !== undefined) return made
  const above = parent === path ? [] : makeDirectories(parent)
  // The parent is there, so that a second ENOENT is an answer.
  return [...above, ...(make(path) ?? fail(path))]
}

/** Looks whether {@link makeDirectories} could make what is not there; nothing is made. @throws the system's error */
export function expectMakeable(path: string): void {
  if (existsSync(path)) return
  let above = dirname(path)
  while (!existsSync(above)) above = dirname(above)
  accessSync(`${above}/.`, fsConstants.W_OK | fsConstants.X_OK)
}

/** @returns the directory when it was made, nothing where there was one; undefined where the parent is missing */
function make(path: string): string[] | undefined {
  try {
    mkdirSync(path)
    return [path]
  } catch (error) {
    // Somebody else may make it at the same time.
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return []
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

function fail(path: string): never {
  throw Object.assign(new Error(`no such directory: ${path}`), {
    code: 'ENOENT',
    errno: -constants.errno.ENOENT,
  })
}
