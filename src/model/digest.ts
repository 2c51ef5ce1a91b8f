/** SHA-256 digests as the OCI image specification writes them ("Descriptor", "Digests"). */
import { createHash } from 'node:crypto'

/** `sha256:` and 64 lower-case hex digits. */
export type Digest = `sha256:${string}`

/** Whether the text is a digest of the one kind that is used here. */
export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && /^sha256:[0-9a-f]{64}$/.test(text)
}

/** The digest of bytes. */
export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** @param hex 64 hex digits, as docker-archives have them */
export function fromHex(hex: string): Digest {
  return `sha256:${hex}`
}

/** The 64 hex digits, for formats that have no algorithm before them. */
export function toHex(digest: Digest): string {
  return digest.slice('sha256:'.length)
}
