/**
 * An image to engines. One that has it gives it its name. Any other is served it by a registry of its own, on a
 * loopback port and under a path that cannot be guessed, and asks for what it lacks; where it takes archives, and has
 * all but a little or cannot connect to this machine, it gets one of the layers that it lacks.
 */
import { ImageError } from '../errors.js'
import type { Served } from '../model/destination.js'
import type { Image } from '../model/image.js'
import { parseReference } from '../registry/reference.js'
import { checkLayerCount } from './docker-archive.js'
import { EngineDelivery, type Taken } from './engine-delivery.js'
import { type OfferedImage, offerImage, watched } from './offered-image.js'
import { PackedLayers } from './packed-layers.js'
import type { Finished, WriteContext } from './written.js'

/** @throws ImageError of the layers, ENGINE_FAILED, DESTINATION_INVALID; engines then have no name that they had not */
export async function writeServed(
  image: Image,
  destinations: readonly Served[],
  context: WriteContext,
): Promise<Finished> {
  const { workshop, compression, emit } = context
  checkLayerCount(image, emit)
  const planned = {
    shape: 'served',
    destinations: destinations.map(({ name }) => name),
    isRemote: false,
  } as const
  emit({ type: 'image-planned', ...planned, layers: image.layers.length })
  const named = destinations.map((destination) => ({ destination, names: namesFor(image, destination) }))
  const packed =
    compression && compression.kind !== 'none' ? new PackedLayers(workshop, compression) : undefined
  // One that has the image under its only name has nothing to do.
  const ids = named.map(({ destination, names }) =>
    names.length === 1 ? destination.engine.named?.(names[0]!) : undefined,
  )
  const offered = await offerImage(image, context, packed, (i, { size }) =>
    emit({ type: 'layer-planned', number: i + 1, source: image.layers[i]!.source, size }),
  )
  const all: Taken[] = []
  const discard = async (): Promise<void> => {
    for (const { destination, reference } of all)
      if (reference !== undefined) await destination.engine.discard(reference)
  }
  try {
    for (const [i, { destination, names }] of named.entries()) {
      const delivery = new EngineDelivery(
        image,
        told(offered, image, destination, context),
        destination,
        names,
        context,
      )
      all.push((await ids[i]) === offered.imageId ? delivery.nothing() : await delivery.run())
    }
  } catch (error) {
    await discard()
    throw error
  }
  return {
    imageId: offered.imageId,
    layers: offered.layers.map(({ diffId, size }, i) => ({ source: image.layers[i]!.source, diffId, size })),
    outcomes: new Map(
      all.map(({ destination, names, taken, present, layers }) => {
        const command = destination.engine.runCommand(names[0]!)
        const result = { taken, present, ...(command === undefined ? {} : { command }) }
        return [destination, { result, layers }]
      }),
    ),
    publish: async () => {
      for (const { destination, reference, names, taken, present } of all) {
        const { engine } = destination
        if (reference !== undefined) await engine.publish(reference, names)
        else for (const name of names) await engine.images?.name(offered.imageId, name)
        emit({ type: 'image-taken', destination: destination.name, taken, present })
      }
    },
    discard,
  }
}

/** The image's names in full, as Docker has them; at least one. @throws ImageError DESTINATION_INVALID */
function namesFor({ names }: Image, { name, wanted }: Served): string[] {
  const texts = wanted === undefined ? names : [wanted]
  return [...new Set((texts.length === 0 ? [''] : texts).map((text) => fullName(text, name)))]
}

function fullName(text: string, destination: string): string {
  const reference = parseReference(text)
  if (reference?.tag !== undefined && reference.digest === undefined)
    return `${reference.host}/${reference.repository}:${reference.tag}`
  throw new ImageError(
    'DESTINATION_INVALID',
    `${destination}: expected a name, found ${JSON.stringify(text)}`,
    {
      hint: 'names are in lower case, as in docker-daemon:app:1.0',
    },
  )
}

/** The same image; what the destination takes of it is told. */
function told(
  offered: OfferedImage,
  image: Image,
  { name: destination }: Served,
  { underWay }: WriteContext,
): OfferedImage {
  return watched(
    offered,
    (i, bytes) =>
      async function* (start, end) {
        const { source } = image.layers[i]!
        const { size, descriptor } = offered.layers[i]!
        let done = start
        const over = underWay.begin(
          { number: i + 1, source, step: 'taking', destination, total: descriptor.size, size },
          () => done,
        )
        try {
          for await (const piece of bytes(start, end)) {
            yield piece
            done += piece.length
          }
        } finally {
          over()
        }
      },
  )
}
