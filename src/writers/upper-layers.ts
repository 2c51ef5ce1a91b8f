/** A docker-archive for an engine that has the lower layers of an image: the others, the config and the manifest. */

import { type Digest, toHex } from '../model/digest.js'
import type { Image } from '../model/image.js'
import type { ByteOutput } from '../model/output.js'
import { BLOCK, encodeHeader, newMember, paddingOf } from '../tar/header.js'
import { manifestMembers } from './docker-archive.js'
import type { OfferedImage, OfferedLayer } from './offered-image.js'

interface UpperLayers {
  image: Image
  offered: OfferedImage
  /** What the image is called there. */
  reference: string
  /** How many layers, from the lowest on, are left out. */
  without: number
}

/**
 * @param onSent told of each layer that was written
 * @throws ImageError of the layers or the output, which then has no end
 */
export async function writeUpperLayers(
  { image, offered, reference, without }: UpperLayers,
  output: ByteOutput,
  onSent: (digest: Digest) => void,
): Promise<void> {
  const named = offered.layers.map(({ diffId, descriptor }) => ({
    diffId,
    member: newMember(`${toHex(diffId)}/layer.tar`, descriptor.size, image.mtime),
  }))
  const write = async (layer: OfferedLayer, i: number): Promise<void> => {
    const { size, digest } = layer.descriptor
    await output.write(encodeHeader(named[i]!.member))
    for await (const piece of layer.bytes(0, size)) await output.write(piece)
    await output.write(Buffer.alloc(paddingOf(size)))
    onSent(digest)
  }
  const writing = async (): Promise<void> => {
    for (let i = without; i < named.length; i++) await write(offered.layers[i]!, i)
    await output.write(manifestMembers({ ...image, names: [reference] }, named).bytes)
    await output.write(Buffer.alloc(2 * BLOCK))
    await output.end()
  }
  try {
    await Promise.race([writing(), output.lost])
  } catch (error) {
    output.abort(error as Error)
    throw error
  }
}
