/**
 * A configuration by the name that people have for it: its file, plain or gzipped, the directory that holds it, `-`
 * for standard input, or the script that `dockerTools.streamLayeredImage` gives, which names its configuration.
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { attempt, ImageError } from '../errors.js'
import { readRegular, readStart } from '../files/open-regular.js'
import { readWhole } from '../files/read-whole.js'
import { type Conf, decodeConf } from '../spec/conf.js'

/** Told which configuration was found where something else was named. */
export type Found = (configuration: string, where: string) => void

/** More than any configuration has, in bytes: 16,000 store paths take 2 MB. */
const LIMIT = 64 << 20

/** What turns gzip data into what it was made of, at most so many bytes. */
type Gunzip = (bytes: Buffer, limits: { maxOutputLength: number }) => Buffer

/**
 * @param name as a person writes it
 * @throws ImageError CONF_UNREADABLE, CONF_INVALID, with what to do about a store path that has no configuration
 */
export async function openConfFile(name: string, found: Found, signal: AbortSignal): Promise<Conf> {
  const path = pathOf(name)
  if (path !== '-' && (await isArchive(path))) throw noConfiguration(path, ARCHIVE)
  const bytes = await readFile(path, signal)
  if (!isScript(bytes)) return decodeConf(checkArchive(bytes, path), shown(path))
  const named = configurationOf(bytes, path)
  found(named, path)
  return decodeConf(await readFile(named, signal), named)
}

/**
 * As {@link openConfFile}, of files that can be read again: no pipe, no standard input.
 * @param gunzip from `node:zlib`, which is not loaded for who does not read gzip
 * @returns also the files that it was read from
 */
export function readConfFile(name: string, found: Found, gunzip: Gunzip): { conf: Conf; files: string[] } {
  const path = pathOf(name)
  const read = (file: string): Buffer =>
    unpackedBy(
      gunzip,
      file,
      unreadable(file, () => readRegular(file)),
    )
  const bytes = read(path)
  if (!isScript(bytes)) return { conf: decodeConf(checkArchive(bytes, path), path), files: [path] }
  const named = configurationOf(bytes, path)
  found(named, path)
  return { conf: decodeConf(read(named), named), files: [path, named] }
}

/** What is read of a file to tell what it is, in bytes: gzip data give at least a tar header of it. */
const HEAD = 64 << 10

/** Whether a file is an archive already, plain or compressed, of any size. */
export async function isArchive(path: string): Promise<boolean> {
  if (!isFile(path)) return false
  const head = unreadable(path, () => readStart(path, HEAD))
  if (/^(?:\xfd7zXZ\0|\x28\xb5\x2f\xfd)/.test(head.toString('latin1', 0, 6))) return true
  if (!isGzip(head)) return isTar(head)
  const { constants, gunzipSync } = await import('node:zlib')
  try {
    return isTar(gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: LIMIT }))
  } catch {
    return false
  }
}

function isTar(bytes: Buffer): boolean {
  return bytes.toString('latin1', 257, 262) === 'ustar'
}

/** @throws ImageError CONF_UNREADABLE, CONF_INVALID for a directory without a configuration */
function pathOf(name: string): string {
  const path = name !== '-' && isDirectory(name) ? join(name, 'conf.json') : name
  if (path !== name && !isFile(path)) throw noConfiguration(name, 'a directory without it')
  return path
}

function isDirectory(path: string): boolean {
  return unreadable(path, () => statSync(path)).isDirectory()
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}

/** @param path `-` is standard input */
async function readFile(path: string, signal: AbortSignal): Promise<Buffer> {
  const bytes = await unreadable(shown(path), () =>
    readWhole(path === '-' ? process.stdin : path, signal, LIMIT),
  )
  if (bytes !== undefined) return unpacked(path, bytes)
  throw new ImageError('CONF_INVALID', `${shown(path)}: expected at most ${LIMIT} bytes, found more`, {
    hint: hintFor(path),
  })
}

async function unpacked(path: string, bytes: Buffer): Promise<Buffer> {
  return isGzip(bytes) ? unpackedBy((await import('node:zlib')).gunzipSync, path, bytes) : bytes
}

function isGzip(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

function unpackedBy(gunzip: Gunzip, path: string, bytes: Buffer): Buffer {
  if (!isGzip(bytes)) return bytes
  return attempt(
    'CONF_INVALID',
    `${shown(path)}: expected a configuration, found gzip data that is damaged or too large`,
    () => gunzip(bytes, { maxOutputLength: LIMIT }),
    hintFor(path),
  )
}

/** A text with an interpreter, or a program: `makeWrapper` writes the one, `makeBinaryWrapper` the other. */
function isScript(bytes: Buffer): boolean {
  const start = bytes.toString('latin1', 0, 4)
  return start.startsWith('#!') || start === '\x7fELF'
}

/** What nixpkgs calls the file: the image's name and `-conf.json`, in the store. */
const CONFIGURATION = /\/[^\s"'\0]*\/[0-9a-df-np-sv-z]{32}-[0-9a-zA-Z+\-._?=]{0,211}conf\.json(?![\w.])/g

function configurationOf(script: Buffer, path: string): string {
  const [name, ...others] = new Set(script.toString('latin1').match(CONFIGURATION))
  if (name === undefined) throw noConfiguration(path, 'a program that names none')
  if (others.length > 0)
    throw new ImageError(
      'CONF_INVALID',
      `${path}: expected a script with one configuration, found ${others.length + 1}`,
      { hint: `name one of them: ${[name, ...others].join(' ')}` },
    )
  return name
}

/** @returns the bytes, when they are none of an image that is made already */
function checkArchive(bytes: Buffer, path: string): Buffer {
  if (isTar(bytes)) throw noConfiguration(path, ARCHIVE)
  if (bytes.length > 0 && !/^[\s{]/.test(bytes.toString('latin1', 0, 1)) && STORE_PATH.test(path))
    throw noConfiguration(path, 'another file')
  return bytes
}

const ARCHIVE = 'a tar archive'
const STORE_PATH = /\/[0-9a-df-np-sv-z]{32}-[^/]*(?:\/|$)/

function noConfiguration(path: string, found: string): ImageError {
  return new ImageError(
    'CONF_INVALID',
    `${shown(path)}: expected a conf.json, a directory that holds one, or a script of streamLayeredImage, found ${found}`,
    { hint: hintFor(path, found) },
  )
}

function hintFor(path: string, found = ''): string {
  if (path.endsWith('.drv')) return 'it is not built yet: nix-build it, and name what that prints'
  if (found === ARCHIVE)
    return `an image that is made already goes on with: stream-layered-image copy ${path === '-' ? 'FILE' : path} -o DESTINATION`
  if (STORE_PATH.test(path))
    return `for an image of a store path: stream-layered-image plan ${path} -o DIR, then stream-layered-image DIR`
  return 'dockerTools.streamLayeredImage has it as its attribute conf: nix-build -A myImage.conf'
}

function shown(path: string): string {
  return path === '-' ? 'standard input' : path
}

function unreadable<T>(path: string, run: () => T): T {
  return attempt('CONF_UNREADABLE', `cannot read the configuration ${path}`, run)
}
