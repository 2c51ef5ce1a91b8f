/** Bytes compared with the descriptor that they are to be those of. */
import { createHash } from 'node:crypto'
import { ImageError } from '../errors.js'
import type { Descriptor } from '../model/descriptor.js'

/**
 * Hands the pieces on, the last of them only when size and digest fit.
 * @param name what holds the blob, for messages
 * @throws ImageError IMAGE_INVALID
 */
export async function* compared(
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
  pieces: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  let total = 0
  let last: Uint8Array | undefined
  for await (const piece of pieces) {
    total += piece.length
    if (total > size) throw differs(name, digest, `${size} bytes`, 'more')
    hash.update(piece)
    if (last !== undefined) yield last
    last = piece
  }
  if (total !== size) throw differs(name, digest, `${size} bytes`, `${total}`)
  const found = `sha256:${hash.digest('hex')}`
  if (found !== digest) throw differs(name, digest, 'its digest', found)
  if (last !== undefined) yield last
}

/** Compares without handing on. @throws ImageError IMAGE_INVALID */
export async function compare(
  blob: Pick<Descriptor, 'digest' | 'size'>,
  pieces: AsyncIterable<Uint8Array>,
  name: string,
): Promise<void> {
  for await (const _ of compared(blob, pieces, name));
}

export function differs(name: string, digest: string, expected: string, found: string): ImageError {
  return new ImageError('IMAGE_INVALID', `${name}: blob ${digest}: expected ${expected}, found ${found}`)
}
