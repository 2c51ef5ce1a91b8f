/**
 * Names of temporary files and directories. They carry their process, so that what a killed run has left is
 * removed by the next one that puts something into the same directory.
 */
import { randomBytes } from 'node:crypto'
import { lstatSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { keepAtExit, remove, removeAtExit } from './leftovers.js'
import { lifeOf, ownOwner } from './owner.js'

const PREFIX = '.stream-layered-image-'
const NAME = new RegExp(`^\\${PREFIX}(.+)-[0-9a-f]{8}$`)

/** Milliseconds after which something is left over when its process cannot be looked at. */
const OLD = 24 * 3_600_000

const swept = new Set<string>()

/** A path for something temporary in a directory; it is removed at exit, unless kept. */
export function temporaryPath(directory: string): string {
  if (!swept.has(directory)) {
    swept.add(directory)
    removeOfTheDead(directory)
  }
  const path = join(directory, `${PREFIX}${ownOwner()}-${randomBytes(4).toString('hex')}`)
  removeAtExit(path)
  return path
}

/** A new directory that only this user can look into. */
export function temporaryDirectory(parent: string): string {
  const path = temporaryPath(parent)
  try {
    mkdirSync(path, 0o700)
  } catch (error) {
    keepAtExit(path)
    throw error
  }
  return path
}

/** Whether a path is, or lies in, something temporary of this process. */
export function isOwnTemporary(path: string): boolean {
  return path.includes(`/${PREFIX}${ownOwner()}-`)
}

/** Removes what processes that are gone have left in a directory. */
export function removeOfTheDead(directory: string, now = Date.now()): void {
  for (const name of names(directory)) {
    const owner = NAME.exec(name)?.[1]
    if (owner !== undefined && isLeft(join(directory, name), lifeOf(owner), now))
      remove(join(directory, name))
  }
}

function isLeft(path: string, life: ReturnType<typeof lifeOf>, now: number): boolean {
  if (life === 'alive') return false
  const stats = lstatSync(path, { throwIfNoEntry: false })
  // In a directory that everybody may write to, a name proves nothing; and into what is removed, nobody else may
  // have put a link.
  if (stats === undefined || stats.uid !== process.geteuid?.()) return false
  if (stats.isDirectory() && (stats.mode & 0o077) !== 0) return false
  return life === 'gone' || now - stats.mtimeMs > OLD
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
