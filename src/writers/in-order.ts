/**
 * A docker-archive into a pipe, in two passes. The archive names each layer by the SHA-256 of the layer's own
 * archive and gives its size before its bytes, so every layer is produced twice: a checksum pass, for all layers at
 * once on the pool, then a streaming pass in order, as soon as the next layer's checksum is known. Both passes write
 * from one plan of the layer, made by a single walk; the streaming pass looks at each file once more and fails when
 * it is not the one that was planned. Nothing is stored but plans, and 16 MiB of small files' contents at most: all else goes from
 * the file system through a few shared buffers to the output.
 */
import { createHash } from 'node:crypto'
import { aborted, asImageError, handled, ImageError } from '../errors.js'
import type { InOrder, Write } from '../model/destination.js'
import { type Digest, fromHex } from '../model/digest.js'
import type { Image } from '../model/image.js'
import type { Layer } from '../model/layer.js'
import type { ByteOutput } from '../model/output.js'
import { isPlain, type Planned } from '../pool/streamer.js'
import type { Bytes } from '../pool/workshop.js'
import type { LayerResult } from '../results.js'
import { BLOCK, encodeHeader, endOfArchiveLength, paddingOf } from '../tar/header.js'
import type { Passed } from './checksum-passes.js'
import { checkLayerCount, layerMember, manifestMembers } from './docker-archive.js'
import type { NamedLayer } from './own-names.js'
import type { Finished, WriteContext } from './written.js'

/** @throws ImageError of the layers or the output; the archive is then without its end */
export async function writeInOrder(
  image: Image,
  destination: InOrder,
  context: WriteContext,
): Promise<Finished> {
  const { output } = destination
  const { workshop, passes, signal } = context
  checkLayerCount(image, context.emit)
  const { shape, name = 'the output' } = destination
  const planned = { shape, destinations: [name], isRemote: false, layers: image.layers.length }
  context.emit({ type: 'image-planned', ...planned })
  const stream = workshop.stream()
  const stop = (error: unknown): void => {
    stream.close(asImageError(error, 'ABORTED', 'the build has failed'))
    output.abort(error as Error)
  }
  const onAbort = (): void => stop(aborted(signal.reason))
  signal.addEventListener('abort', onAbort)
  try {
    const comparing: Promise<unknown>[] = []
    const layers = image.layers.map((layer, i) => {
      const told = async (): Promise<Passed> => {
        const passed = await passes.of(layer, !context.verify)
        const { source } = layer
        context.emit({ type: 'layer-planned', number: i + 1, source, size: passed.size })
        return passed
      }
      const passed = handled(told())
      comparing.push(passed.then(async (known) => isBeside(known, context) && passes.compare(layer)))
      return { layer, passed, bytes: stream.queue(passed.then((known) => producedOf(known, context))) }
    })
    // A layer that is another ends the build at once.
    const allCompared = Promise.all(comparing)
    const writing = writeArchive(image, layers, allCompared, output, context)
    const archive = await Promise.race([writing, output.lost, allCompared.then(() => writing)])
    const layersThere = archive.layers.map(({ diffId, size = 0 }) => ({
      outcome: 'streamed' as const,
      digest: diffId,
      size,
    }))
    const outcomes = new Map([[destination, { result: { bytes: archive.bytes }, layers: layersThere }]])
    return { ...archive, outcomes, publish: async () => {}, discard: () => {} }
  } catch (error) {
    stop(error)
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/**
 * What is to be produced of a layer: nothing of a base's that is a link to another member. A part of a plain file is hashed
 * by the thread that reads it, where it has to be compared and that is not done beside.
 */
function producedOf(passed: Passed, context: WriteContext): Planned {
  const { recipe, size, kept } = passed
  if (isLink(passed)) return { recipe, size: 0 }
  const isHashed = isPlain(recipe) && isCompared(passed, context) && !isBeside(passed, context)
  return { recipe, size, isHashed, kept }
}

/**
 * Whether the layer is a part of a base's plain archive: it is compared with its diff ID by a pass of its own, on all
 * threads beside the copying, and the archive does not end before (a base of 2.5 GB: 1.8 s, 2.0 s when one thread reads and
 * hashes it). With `--verify` the very bytes that are written are hashed, and of a link none are.
 */
function isBeside(passed: Passed, { verify }: WriteContext): boolean {
  return passed.claimed && !passed.remembered && (isLink(passed) || (!verify && isPlain(passed.recipe)))
}

/** Its bytes are those of another member, and are not written. */
function isLink({ member, size }: Passed): boolean {
  return member !== undefined && member.size < size
}

/** Whether a digest that nobody has taken yet, of these bytes as they are now, names the layer. */
function isCompared({ claimed, fresh, isUnproven }: Passed, { verify }: WriteContext): boolean {
  return verify || fresh || isUnproven || claimed
}

interface Archive {
  imageId: Digest
  layers: LayerResult[]
  /** Of the whole archive. */
  bytes: number
}

interface QueuedLayer {
  layer: Layer
  passed: Promise<Passed>
  bytes: Bytes
}

async function writeArchive(
  image: Image,
  layers: readonly QueuedLayer[],
  allCompared: Promise<unknown>,
  output: ByteOutput,
  context: WriteContext,
): Promise<Archive> {
  const { emit, underWay } = context
  let total = 0
  const write: Write = (chunk) => {
    total += chunk.length
    return output.write(chunk)
  }
  const pad = (count: number): void | Promise<void> => (count === 0 ? undefined : write(Buffer.alloc(count)))

  const written: LayerResult[] = []
  const named: NamedLayer[] = []
  for (const [i, { layer, passed, bytes }] of layers.entries()) {
    const { source } = layer
    emit({ type: 'layer-started', number: i + 1, source })
    const summed = await passed
    const { diffId, size } = summed
    const member = layerMember(summed, diffId, image)
    await write(encodeHeader(member))
    const start = total
    const work = { number: i + 1, source, step: 'streaming', total: size, size } as const
    if (!isLink(summed))
      await underWay.during(
        work,
        () => total - start,
        () => copyLayer(layer, summed, bytes, write, context),
      )
    await pad(paddingOf(member.size))
    named.push({ diffId, member })
    written.push({ source, diffId, size })
    emit({ type: 'layer-streamed', number: i + 1, source, digest: diffId, size })
  }

  await allCompared
  emit({ type: 'manifests-started' })
  const { imageId, bytes } = manifestMembers(image, named)
  await write(bytes)
  await endArchive(total, pad)
  await output.end()
  return { imageId, layers: written, bytes: total }
}

/** A reader may leave at the two zero blocks: it has the image, and what is left is padding. */
async function endArchive(total: number, pad: (count: number) => void | Promise<void>): Promise<void> {
  await pad(2 * BLOCK)
  try {
    await pad(endOfArchiveLength(total) - 2 * BLOCK)
  } catch (error) {
    if (!(error instanceof ImageError && error.code === 'OUTPUT_CLOSED')) throw error
  }
}

async function copyLayer(
  layer: Layer,
  passed: Passed,
  bytes: Bytes,
  write: Write,
  context: WriteContext,
): Promise<void> {
  if (!isCompared(passed, context) || isBeside(passed, context)) await bytes(write)
  else {
    const found = isPlain(passed.recipe) ? (await bytes(write))! : await hashed(bytes, write)
    await context.passes.prove(layer, passed, found)
  }
}

/** The digest taken on this thread, since the worker that produces the bytes is the one that everything waits for. */
async function hashed(bytes: Bytes, write: Write): Promise<Digest> {
  const hash = createHash('sha256')
  await bytes((piece) => {
    hash.update(piece)
    return write(piece)
  })
  return fromHex(hash.digest('hex'))
}
