/**
 * The directory that is a cache and nothing else: it lies in the one that people name and has a marker, so
 * that nothing of theirs is ever taken for an entry.
 */
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { access, lstat, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemCode } from '../errors.js'
import { unusable } from './place.js'

/** Below what people name. */
export const SUBDIRECTORY = 'stream-layered-image-digests'

/** The Cache Directory Tagging Specification, 0.5: back-up programs leave such directories out. */
export const MARKER = 'CACHEDIR.TAG'
const SIGNATURE = 'Signature: 8a477f597d28d172789f06886806bc55'
const TAG = `${SIGNATURE}
# This directory is a cache of stream-layered-image: it may be removed at any time.
# About such tags: https://bford.info/cachedir/
`

const TEMPORARY = /^tmp-\d+-[0-9a-f]{16}$/

/** Whether a file of this name was made to be renamed. */
export function isTemporary(name: string): boolean {
  return TEMPORARY.test(name)
}

/** Writes a file that is there whole or not at all, unless the machine fails. */
export async function writeEntry(directory: string, name: string, text: string): Promise<void> {
  const temporary = join(directory, `tmp-${process.pid}-${randomBytes(8).toString('hex')}`)
  try {
    await writeFile(temporary, text, { flag: 'wx' })
    await rename(temporary, join(directory, name))
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw error
  }
}

/** @param parent what people named @returns the cache in it, or undefined when there is none */
export async function findCache(parent: string): Promise<string | undefined> {
  const path = join(parent, SUBDIRECTORY)
  try {
    await expectCache(path)
    return path
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw unusable(path, error)
  }
}

/** As {@link findCache}, but it makes what is not there. @throws ImageError CACHE_FAILED */
export async function makeCache(parent: string): Promise<string> {
  const path = join(parent, SUBDIRECTORY)
  try {
    await makeDirectory(path)
    if (!(await expectCache(path))) await writeEntry(path, MARKER, TAG)
    return path
  } catch (error) {
    throw unusable(path, error)
  }
}

/** Why nothing can be written there; undefined when it can. */
export function whyReadOnly(path: string): Promise<unknown> {
  return access(path, constants.W_OK | constants.X_OK).catch((error: unknown) => error)
}

/**
 * @returns whether the marker is there; without one, the directory is as good as empty
 * @throws when it can be no cache of ours
 */
async function expectCache(path: string): Promise<boolean> {
  // A link could lead to anything.
  if (!(await lstat(path)).isDirectory()) throw new Error('expected a directory, found something else')
  if (await hasMarker(path)) return true
  if ((await readdir(path)).every(isTemporary)) return false
  // Another build may have made it just now.
  if (await hasMarker(path)) return true
  throw new Error(`expected files of a cache with their marker ${MARKER}, found other files`)
}

async function hasMarker(path: string): Promise<boolean> {
  const marker = join(path, MARKER)
  const stats = await lstat(marker).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  })
  if (!stats?.isFile() || stats.size > 4096) return false
  const text = await readFile(marker, 'utf8')
  return text.startsWith(SIGNATURE) && text.includes('stream-layered-image')
}

/** Node's own recursion never ends below /proc, where nothing can be made. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    if ((await stat(path).catch(() => undefined))?.isDirectory()) return
    if (systemCode(error) !== 'ENOENT' || dirname(path) === path) throw error
    await makeDirectory(dirname(path))
    await mkdir(path).catch((again: unknown) => {
      if (systemCode(again) !== 'EEXIST') throw again
    })
  }
}
