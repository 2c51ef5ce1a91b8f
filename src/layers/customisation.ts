/**
 * The customisation layer: a prebuilt `layer.tar` beside a file `checksum` that holds its SHA-256. It is
 * copied as it is, once its checksum was found to be true.
 */
import { closeSync, fstatSync, lstatSync, readSync, type Stats } from 'node:fs'
import { attempt, ImageError } from '../errors.js'
import { openRegular, readStart } from '../files/open-regular.js'
import { type Digest, fromHex, toHex } from '../model/digest.js'
import type { Member } from '../model/member.js'
import type { FileRange } from '../model/recipe.js'
import { fsPath } from '../python/fs-encoding.js'
import { newMember } from '../tar/header.js'
import { type Checksum, DigestSink } from './checksum.js'
import { expectSame, fingerprintOf } from './fingerprint.js'
import { SinkWriter } from './sink.js'
import { groupName, userName } from './user-database.js'

export interface CustomisationLayer extends Checksum {
  recipe: FileRange
  /** Its header: mode and owner as on disk; name and time are the caller's to set. */
  member: Member
}

/**
 * @param task.directory a Python string
 * @throws ImageError CUSTOMISATION_INVALID when a file is missing or the checksum is not that of `layer.tar`
 */
export function openCustomisation(task: { directory: string }): CustomisationLayer {
  // Not by `path.join`: where `a` is a symbolic link, the parent of `a/..` is not what it says.
  const directory = task.directory.replace(/\/+$/, '')
  const path = `${directory}/layer.tar`
  const checksumPath = `${directory}/checksum`
  const text = reading(checksumPath, () => readStart(fsPath(checksumPath), CHECKSUM_BYTES))
  const digest = text.toString('utf8').trim()
  if (!/^[0-9a-f]{64}$/.test(digest)) {
    throw invalid(
      `${checksumPath}: expected a SHA-256 of 64 hex digits, found ${JSON.stringify(digest.slice(0, 80))}`,
    )
  }
  const stats = reading(path, () => lstatSync(fsPath(path)))
  if (!stats.isFile()) throw invalid(`${path}: expected a regular file, found another kind`)
  const found = reading(path, () => hashFile(path, stats))
  if (found !== fromHex(digest)) {
    throw invalid(
      `${path}: expected SHA-256 ${digest} as the file checksum says, found ${toHex(found)}`,
      'rebuild the customisation layer',
    )
  }
  const { size } = stats
  return {
    recipe: {
      kind: 'range',
      path,
      fingerprint: fingerprintOf(stats),
      compression: 'none',
      range: { offset: 0, size },
    },
    diffId: found,
    size,
    member: memberOf(stats),
  }
}

/** What is read of the file `checksum`: a digest and white space around it. */
const CHECKSUM_BYTES = 4096

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

function hashFile(path: string, stats: Stats): Digest {
  const { fd, stats: opened } = openRegular(fsPath(path))
  try {
    expectSame(path, fingerprintOf(stats), opened)
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

function reading<T>(path: string, read: () => T): T {
  return attempt(
    'CUSTOMISATION_INVALID',
    `cannot read ${path}`,
    read,
    'the customisation layer is a directory that holds layer.tar and checksum',
  )
}

function invalid(message: string, hint?: string): ImageError {
  return new ImageError('CUSTOMISATION_INVALID', message, { hint })
}
