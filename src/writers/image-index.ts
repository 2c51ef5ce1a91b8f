/** Images for several platforms as one image index (OCI image specification 1.1, "Image Index"), to blob stores. */
import { indexDocument, type Platform } from '../documents/oci-index.js'
import { platformOf } from '../documents/platform.js'
import { ImageError } from '../errors.js'
import type { ByDigest } from '../model/destination.js'
import { digestOf } from '../model/digest.js'
import type { Image } from '../model/image.js'
import type { Attachment, DestinationResult, IndexResult } from '../results.js'
import { layersAt } from './build-result.js'
import { deliveredTo, deliverImages, publishAll, putImage, putTagged, sumUp } from './by-digest.js'
import type { WriteContext } from './written.js'

/** An index that is everywhere, but for its tags. */
interface FinishedIndex {
  result: Omit<IndexResult, 'cache'>
  publish(): Promise<void>
}

/** @throws ImageError OPTION_INVALID for two images of one platform; stores then have no tag that they did not have before */
export async function writeIndex(
  images: readonly Image[],
  destinations: readonly ByDigest[],
  context: WriteContext,
): Promise<FinishedIndex> {
  const platforms = platformsOf(images)
  const all = await deliverImages(images, destinations, context)
  const results: DestinationResult[] = []
  let manifests: IndexResult['images'][number]['manifestDigest'][] = []
  for (const [i, { name, store, tags }] of destinations.entries()) {
    const entries = []
    const attached: Attachment[] = []
    for (const [j, image] of all.entries()) {
      const { descriptor } = await putImage(store, image, [])
      entries.push({ descriptor, platform: platforms[j]! })
      attached.push(...((await context.attach?.(image, descriptor, { name, store })) ?? []))
    }
    const index = await putTagged(store, indexDocument(entries, context.annotations), tags)
    attached.push(...((await context.attach?.(undefined, index.descriptor, { name, store })) ?? []))
    await store.finish()
    if (i === 0) manifests = entries.map(({ descriptor }) => descriptor.digest)
    const delivered = all.flatMap((image) => image.delivered)
    results.push({
      name,
      manifestDigest: index.descriptor.digest,
      ...sumUp(delivered, i),
      ...(context.attach && { attached }),
    })
  }
  return {
    result: {
      manifestDigest: results[0]!.manifestDigest!,
      images: all.map(({ config, layers }, i) => ({
        platform: platforms[i]!,
        imageId: config.descriptor.digest,
        manifestDigest: manifests[i]!,
        layers: layersAt(
          layers,
          destinations.map(({ name }, j) => ({ name, layers: deliveredTo(all[i]!.delivered, j) })),
        ),
      })),
      destinations: results,
    },
    publish: () => publishAll(destinations),
  }
}

/** @throws ImageError OPTION_INVALID for two images of one platform */
export function platformsOf(images: readonly Image[]): Platform[] {
  const platforms = images.map(platform)
  expectDistinct(platforms)
  return platforms
}

/** It does not depend on what the layers hold. */
function platform({ layers, config }: Image): Platform {
  const anyDigest = digestOf(Buffer.alloc(0))
  return platformOf(config(layers.map(() => anyDigest)).bytes)
}

function expectDistinct(platforms: readonly Platform[]): void {
  const texts = platforms.map(({ os, architecture, variant }) =>
    [os, architecture, variant].filter(Boolean).join('/'),
  )
  const twice = texts.find((text, i) => texts.indexOf(text) !== i)
  if (twice !== undefined)
    throw new ImageError(
      'OPTION_INVALID',
      `expected a configuration for each platform, found two for ${twice}`,
    )
}
