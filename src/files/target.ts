/** What is to be written to, as it is before. */
import { accessSync, constants, lstatSync, readlinkSync, realpathSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { attempt, systemCode } from '../errors.js'

export type Target =
  | { kind: 'new'; place: string }
  /** A file that may be replaced. `place` is where it lies; symbolic links to it stay. */
  | { kind: 'file'; place: string; mode: number; uid: number; gid: number }
  /** A device, a pipe, a socket: it takes bytes, and nothing may take its place. */
  | { kind: 'stream' }

/** More symbolic links than that are a circle, as the kernel has it (path_resolution(7)). */
const MAX_LINKS = 40

/** @throws ImageError OUTPUT_FAILED for a directory, and for what cannot be looked at */
export function lookAtTarget(path: string): Target {
  return attempt('OUTPUT_FAILED', `cannot write ${path}`, () => {
    const there = statSync(path, { throwIfNoEntry: false })
    if (there?.isDirectory() || path.endsWith('/')) throw systemError('EISDIR')
    if (there === undefined) return { kind: 'new', place: followLinks(path) }
    const place = there.isFile() ? realPlace(path, there) : undefined
    if (place === undefined) return { kind: 'stream' }
    return { kind: 'file', place, mode: there.mode & 0o7777, uid: there.uid, gid: there.gid }
  })
}

/** Looks whether a file could be written there; nothing is made. @throws ImageError OUTPUT_FAILED */
export function expectWritable(path: string): void {
  const target = lookAtTarget(path)
  if (target.kind === 'stream') return
  attempt('OUTPUT_FAILED', `cannot write ${path}`, () =>
    accessSync(dirname(target.place), constants.W_OK | constants.X_OK),
  )
}

/** Where the file itself lies; undefined when it has no name any more, as what /proc/self/fd leads to may. */
function realPlace(path: string, { dev, ino }: Stats): string | undefined {
  try {
    const place = realpathSync(path)
    const found = statSync(place)
    return found.dev === dev && found.ino === ino ? place : undefined
  } catch {
    return undefined
  }
}

/** What a chain of links that ends nowhere leads to. */
function followLinks(path: string): string {
  let place = path
  for (let links = 0; links < MAX_LINKS; links++) {
    if (lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return place
    const link = readlinkSync(place)
    // Not joined: `..` behind a link to a directory is that directory's parent.
    place = link.startsWith('/') ? link : `${dirname(place)}/${link}`
  }
  throw systemError('ELOOP')
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code })
}

/** Whether something other than a file has come there. */
export function isReplaceable(place: string): boolean {
  try {
    return lstatSync(place).isFile()
  } catch (error) {
    return systemCode(error) === 'ENOENT'
  }
}
