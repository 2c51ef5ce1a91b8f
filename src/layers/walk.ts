/** Store paths → plan: the one walk over the file system, in the order that the archive has. */
import { lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs'
import { attempt, ImageError } from '../errors.js'
import { compareCodePoints, fsDecode, fsPath, isAscii } from '../python/fs-encoding.js'
import { pythonRepr } from '../python/repr.js'
import { BLOCK } from '../tar/header.js'
import { Kind, PlanWriter } from './plan.js'

/**
 * Plans the members below the given store paths: each path, then everything below it by path components,
 * compared by code point (`sorted(pathlib.Path(path).rglob("*"))`). Symlinks are never followed.
 *
 * @param paths absolute Python strings
 * @param budget what is spent of it, where there is a bound
 * @throws ImageError FILE_UNREADABLE for what cannot be read, FILE_UNSUPPORTED for a socket,
 *   STORE_PATH_INVALID for a relative path
 * @throws OverBudget
 */
export function planStorePaths(paths: readonly string[], budget?: Budget): LayerPlan {
  const walk: Walk = { plan: new PlanWriter(), newestChange: 0, least: 0, budget }
  const started = Date.now()
  for (const path of paths) {
    const root = normalise(path)
    visit(walk, root, root, 0)
  }
  const { plan, newestChange, least } = walk
  return { plan: plan.finish(), fresh: newestChange > started - COARSEST_CTIME, least }
}

export interface LayerPlan {
  plan: Uint8Array
  /**
   * Whether a member changed so shortly before that a further change could keep its ctime: then only its
   * content can tell.
   */
  fresh: boolean
  /** Bytes that the archive has at least: of contents and their headers. */
  least: number
}

/** How much may still be found: members, and bytes of files. */
export interface Budget {
  members: number
  bytes: number
}

/** There is more than the budget allows. */
export class OverBudget extends Error {}

/** No file system that can hold a store has coarser times than this, in milliseconds. */
const COARSEST_CTIME = 2000

interface Walk {
  plan: PlanWriter
  /** The latest ctime of all members, in milliseconds since the epoch; 0 when there are none. */
  newestChange: number
  least: number
  budget: Budget | undefined
}

/** As `pathlib.PurePosixPath` does: repeated slashes, `.` components and a trailing slash vanish, `..` stays. */
function normalise(path: string): string {
  if (!path.startsWith('/')) {
    throw new ImageError('STORE_PATH_INVALID', `store path ${pythonRepr(path)}: expected an absolute path`)
  }
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  return `/${parts.join('/')}`
}

function visit(walk: Walk, path: string, name: string, depth: number): void {
  const raw = fsPath(path)
  const about = (): string => `cannot read ${pythonRepr(path)}`
  const stats = attempt('FILE_UNREADABLE', about, () => lstatSync(raw))
  const kind = kindOf(stats, path)
  if (walk.budget !== undefined) spend(walk.budget, stats.size)
  walk.least += BLOCK + (kind === Kind.file ? stats.size : 0)
  walk.newestChange = Math.max(walk.newestChange, stats.ctimeMs)
  walk.plan.add({
    kind,
    depth,
    name,
    mode: stats.mode & 0o7777,
    size: stats.size,
    target: kind === Kind.symlink ? attempt('FILE_UNREADABLE', about, () => readTarget(raw)) : '',
    device: stats.rdev,
    inode: stats.ino,
    mtimeMs: stats.mtimeMs,
    ctimeMs: stats.ctimeMs,
  })
  if (kind !== Kind.directory) return
  const below = path === '/' ? path : `${path}/`
  for (const child of attempt('FILE_UNREADABLE', about, () => sortedNames(raw)))
    visit(walk, below + child, child, depth + 1)
}

function spend(budget: Budget, bytes: number): void {
  budget.members--
  budget.bytes -= bytes
  if (budget.members < 0 || budget.bytes < 0) throw new OverBudget()
}

function sortedNames(directory: string | Buffer): string[] {
  const names = readdirSync(directory)
  // Node decodes what is not UTF-8 to U+FFFD; then the bytes are wanted.
  const exact = names.some((name) => name.includes('\ufffd'))
    ? readdirSync(directory, { encoding: 'buffer' }).map(fsDecode)
    : names
  return exact.every(isAscii) ? exact.sort() : exact.sort(compareCodePoints)
}

function readTarget(link: string | Buffer): string {
  return fsDecode(readlinkSync(link, { encoding: 'buffer' }))
}

function kindOf(stats: Stats, path: string): Kind {
  if (stats.isFile()) return Kind.file
  if (stats.isDirectory()) return Kind.directory
  if (stats.isSymbolicLink()) return Kind.symlink
  if (stats.isFIFO()) return Kind.fifo
  if (stats.isCharacterDevice()) return Kind.characterDevice
  if (stats.isBlockDevice()) return Kind.blockDevice
  throw new ImageError(
    'FILE_UNSUPPORTED',
    `${pythonRepr(path)}: expected what a tar archive can hold, found a socket`,
  )
}
