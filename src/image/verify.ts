import { createHash } from 'node:crypto'
import type { Write } from '../pool/streamer.js'

/**
 * Passes a layer's bytes on and takes their digest on the way: here, on the thread that writes them, since
 * the worker that produces them is the one that everything waits for.
 * @param copy calls its argument for each piece, in order
 * @param expected SHA-256 in hex
 * @param differs makes the error for another digest
 */
export async function copyVerified(
  copy: (write: Write) => Promise<void>,
  write: Write,
  expected: string,
  differs: (found: string) => Error,
): Promise<void> {
  const hash = createHash('sha256')
  await copy((bytes) => {
    hash.update(bytes)
    return write(bytes)
  })
  const found = hash.digest('hex')
  if (found !== expected) throw differs(found)
}
