/** Copies of files that cost as little as they can. */
import {
  closeSync,
  constants,
  createReadStream,
  createWriteStream,
  fstatSync,
  linkSync,
  openSync,
  statSync,
} from 'node:fs'
import { chmod, copyFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { isOwnTemporary } from './temporary.js'

/**
 * Has the bytes of a file under a new name too: a temporary file of this process that has one name gets a second
 * one; anything else is copied, sharing blocks where the file system can. So no two files that stay share an inode.
 * @param from a regular file @throws the system's error, AbortError
 */
export async function bring(from: string, to: string, signal: AbortSignal | undefined): Promise<void> {
  if (isOwnTemporary(from) && statSync(from).nlink === 1 && tryLink(from, to)) return
  if (!(await tryClone(from, to))) await pipeline(createReadStream(from), createWriteStream(to), { signal })
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch {
    // Another file system, or one without links.
    return false
  }
}

async function tryClone(from: string, to: string): Promise<boolean> {
  const mode = makeEmpty(to)
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE)
  } catch {
    return false
  }
  await chmod(to, mode)
  return true
}

/** @returns the mode that new files get */
function makeEmpty(path: string): number {
  const fd = openSync(path, 'wx')
  try {
    return fstatSync(fd).mode & 0o777
  } finally {
    closeSync(fd)
  }
}
