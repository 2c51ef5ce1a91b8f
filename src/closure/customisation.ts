/** The customisation layer of a tree: `layer.tar` and `checksum`, the same bytes for the same tree. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { attempt } from '../errors.js'
import { PartialFile, writeWhole } from '../files/partial-file.js'
import { HashingSink } from '../layers/checksum.js'
import { FileSink } from '../layers/file-sink.js'
import { SinkWriter } from '../layers/sink.js'
import { toHex } from '../model/digest.js'
import type { Member } from '../model/member.js'
import { compareCodePoints } from '../python/fs-encoding.js'
import { encodeHeader, endOfArchiveLength, newMember, paddingOf, TYPE } from '../tar/header.js'
import type { Node, Tree } from './tree.js'

/**
 * @param mtime of all members, in whole seconds since the epoch; their owner is root
 * @throws ImageError OUTPUT_FAILED, ABORTED
 */
export async function writeCustomisation(
  directory: string,
  tree: Tree,
  mtime: number,
  signal?: AbortSignal,
): Promise<void> {
  attempt('OUTPUT_FAILED', `cannot make ${directory}`, () => mkdirSync(directory, { recursive: true }))
  const file = PartialFile.create(join(directory, 'layer.tar'))
  try {
    const sink = new FileSink(file.path, 0)
    const hashing = new HashingSink(sink)
    try {
      writeTree(tree, mtime, new SinkWriter(hashing))
    } finally {
      sink.close()
    }
    await file.finish(sink.size)
    await file.publish()
    await writeWhole(join(directory, 'checksum'), `${toHex(hashing.digest())}\n`, signal)
  } catch (error) {
    file.discard()
    throw error
  }
}

function writeTree(tree: Tree, mtime: number, out: SinkWriter): void {
  for (const [path, node] of [...tree].sort(([a], [b]) => compareCodePoints(a, b))) {
    const content = node.kind === 'file' ? Buffer.from(node.content) : Buffer.alloc(0)
    out.write(encodeHeader(memberOf(path, node, content.length, mtime)))
    out.write(content)
    out.zeros(paddingOf(content.length))
  }
  out.zeros(endOfArchiveLength(out.total))
  out.end()
}

function memberOf(path: string, node: Node, size: number, mtime: number): Member {
  const member = { ...newMember(path, size, mtime), uname: 'root', gname: 'root' }
  if (node.kind === 'directory') return { ...member, type: TYPE.directory, mode: node.mode }
  if (node.kind === 'link') return { ...member, type: TYPE.symlink, mode: 0o777, linkname: node.target }
  return member
}
