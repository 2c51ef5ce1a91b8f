/**
 * Signing by other people's keys: a command is told what to sign, and answers with an image layout that has what is to
 * be attached to it.
 */

import { OciLayout } from '../blob-stores/oci-layout.js'
import { referrerOf, withSubject } from '../documents/artifact.js'
import { ImageError } from '../errors.js'
import type { BlobReader } from '../model/blob-store.js'
import type { Descriptor, Document } from '../model/descriptor.js'
import { askProgram, type Bounds } from '../programs/ask.js'

/** Where the command finds what the destination is called. */
const DESTINATION = 'STREAM_LAYERED_IMAGE_DESTINATION'

/** Somebody may have to find a key, or to log in; a path has at most 4096 bytes. */
const BOUNDS: Bounds = { answer: 600_000, grace: 2_000, output: 8192 }
/** Bytes of its standard error, of which the last line tells what went wrong. */
const ERRORS = 4096

export interface Signatures {
  store: BlobReader
  /** Manifests, all of which are about the image. */
  manifests: readonly Document[]
}

/**
 * @param command a line for the shell: the subject's descriptor is its standard input, as JSON; its standard output is
 *   the path of the layout
 * @throws ImageError SIGNER_FAILED in one line, ABORTED
 */
export async function sign(
  command: string,
  subject: Descriptor,
  destination: string,
  signal: AbortSignal,
): Promise<Signatures> {
  const fail = (message: string, cause?: unknown): ImageError =>
    new ImageError('SIGNER_FAILED', `signer "${command}": ${message}`, { cause })
  const { mediaType, digest, size } = subject
  const { status, output, errors } = await askProgram({
    ...{
      program: '/bin/sh',
      args: ['-c', command],
      input: `${JSON.stringify({ mediaType, digest, size })}\n`,
    },
    ...{ env: { [DESTINATION]: destination }, errors: ERRORS, bounds: BOUNDS, fail, signal },
  })
  if (status !== 0) {
    const said = errors.trim().split('\n').at(-1)
    throw fail(`it ended with ${status ?? 'a signal'}${said ? `: ${said}` : ''}`)
  }
  const path = output.replace(/\n$/, '')
  if (path === '' || /[\n\0]/.test(path))
    throw fail(`expected the path of an image layout, found ${path === '' ? 'nothing' : 'several lines'}`)
  const store = await OciLayout.read(`oci:${path}`, path, signal).catch((error) => {
    throw error instanceof ImageError && error.code !== 'ABORTED' ? fail(error.message, error) : error
  })
  const manifests = []
  for (const named of await store.images()) {
    const document = await store.manifest(named.digest)
    if (document === undefined) throw fail(`${path}: expected ${named.digest} to be there, found nothing`)
    const about = referrerOf(document)?.subject
    if (about !== undefined && about !== digest)
      throw fail(`${path}: expected manifests about ${digest}, found one about ${about}`)
    manifests.push(about === undefined ? withSubject(document, subject) : document)
  }
  if (manifests.length === 0) throw fail(`${path}: expected a manifest to attach, found none`)
  return { store, manifests }
}
