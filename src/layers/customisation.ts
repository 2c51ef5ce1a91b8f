/**
 * The customisation layer: a prebuilt `layer.tar` beside a file `checksum` that holds its SHA-256. It is
 * copied as it is, once its checksum was found to be true.
 */
import { closeSync, fstatSync, lstatSync, openSync, readFileSync, readSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { ImageError, systemReason } from '../errors.js'
import { fsPath } from '../python/fs-encoding.js'
import { type Member, newMember } from '../tar/header.js'
import { type Checksum, DigestSink } from './checksum.js'
import { expectSame, type Fingerprint, fingerprintOf } from './fingerprint.js'
import { SinkWriter } from './sink.js'
import { groupName, userName } from './user-database.js'

export interface CustomisationLayer extends Checksum {
  /** The path of its archive. */
  path: string
  fingerprint: Fingerprint
  /** Its header: mode and owner as on disk; name and time are the caller's to set. */
  member: Member
}

/**
 * @param task.directory a Python string
 * @throws ImageError CUSTOMISATION_INVALID when a file is missing or the checksum is not that of `layer.tar`
 */
export function openCustomisation(task: { directory: string }): CustomisationLayer {
  const path = join(task.directory, 'layer.tar')
  const checksumPath = join(task.directory, 'checksum')
  const digest = attempt(checksumPath, () => readFileSync(fsPath(checksumPath), 'utf8')).trim()
  if (!/^[0-9a-f]{64}$/.test(digest)) {
    throw invalid(
      `${checksumPath}: expected a SHA-256 of 64 hex digits, found ${JSON.stringify(digest.slice(0, 80))}`,
    )
  }
  const stats = attempt(path, () => lstatSync(fsPath(path)))
  if (!stats.isFile()) throw invalid(`${path}: expected a regular file, found another kind`)
  const found = attempt(path, () => hashFile(path, stats))
  if (found !== digest) {
    throw invalid(
      `${path}: expected SHA-256 ${digest} as the file checksum says, found ${found}`,
      'rebuild the customisation layer',
    )
  }
  return { path, digest, size: stats.size, fingerprint: fingerprintOf(stats), member: memberOf(stats) }
}

function memberOf(stats: Stats): Member {
  return {
    ...newMember('', stats.size, 0),
    mode: stats.mode & 0o7777,
    uid: BigInt(stats.uid),
    gid: BigInt(stats.gid),
    uname: userName(stats.uid),
    gname: groupName(stats.gid),
  }
}

function hashFile(path: string, stats: Stats): string {
  const fd = openSync(fsPath(path), 'r')
  try {
    const sink = new DigestSink()
    const out = new SinkWriter(sink)
    for (;;) {
      const count = readSync(fd, out.buffer, out.at, out.buffer.length - out.at, null)
      if (count === 0) break
      out.advance(count)
    }
    out.end()
    expectSame(path, fingerprintOf(stats), fstatSync(fd))
    return sink.digest()
  } finally {
    closeSync(fd)
  }
}

function attempt<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof ImageError) throw error
    throw new ImageError('CUSTOMISATION_INVALID', `cannot read ${path}: ${systemReason(error)}`, {
      hint: 'the customisation layer is a directory that holds layer.tar and checksum',
      cause: error,
    })
  }
}

function invalid(message: string, hint?: string): ImageError {
  return new ImageError('CUSTOMISATION_INVALID', message, { hint })
}
