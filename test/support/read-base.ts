/** A base image, read here as a worker reads it. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { ImageError } from '../../src/errors.js'
import { openBase } from '../../src/layers/base.js'
import { copyPlainRange } from '../../src/layers/ranges.js'

/**
 * A line of the base's layers (name in hex, diff ID, SHA-256), as read-bases.py has it; or what the command says of a
 * damaged one, `MESSAGE [CODE]`.
 */
export async function readBase(path: string): Promise<{ layers: string } | { refusal: string }> {
  try {
    const base = await openBase({ path })
    const found: string[] = []
    for (const { member, range, diffId } of base.layers) {
      const hash = createHash('sha256')
      const data = { ...base.file, range: { ...range, size: member.size } }
      await copyPlainRange(data, (bytes) => void hash.update(bytes))
      const name = Buffer.from(member.name).toString('hex')
      found.push(`${name}:${diffId.replace('sha256:', '')}:${hash.digest('hex')}`)
    }
    return { layers: found.join(' ') }
  } catch (error) {
    assert.ok(
      error instanceof ImageError && ['IMAGE_INVALID', 'FILE_CHANGED'].includes(error.code),
      `${path}: ${error instanceof Error ? error.stack : error}`,
    )
    assert.doesNotMatch(error.message, /\n/)
    return { refusal: `${error.message} [${error.code}]` }
  }
}
