/** What can be said of an image, wherever it is. */
import { inRun } from './in-run.js'
import type { ImageFacts } from './inspection/facts.js'
import { inspect, sharedWith } from './inspection/inspect.js'
import type { ReadOptions } from './options.js'
import { withoutUserinfo } from './registry/reference.js'
import { openAny } from './sources/any.js'

export interface InspectOptions extends ReadOptions {
  /** An image, named as destinations are, or a configuration as {@link BuildOptions.conf} names it. */
  image: string
  /** Images that may share layers with it; they are named likewise. */
  others?: readonly string[] | undefined
  /** Whether the layers of an image in a registry are downloaded, for the sizes of what is in them. */
  deep?: boolean | undefined
  /** Whether store paths get digests where they are read, and the sums of the largest directories below them. */
  detailed?: boolean | undefined
}

/** @throws ImageError with one of the stable codes; IMAGE_INVALID for a layer that is not what the image says */
export async function inspectImage(options: InspectOptions): Promise<ImageFacts> {
  const { image, others = [], deep = false, detailed = false } = options
  return inRun(options, async (run) => {
    const opening = [image, ...others].map((name) => openAny(name, run))
    const [first, ...rest] = await Promise.all(opening)
    const facts = await inspect(withoutUserinfo(image), first!, { ...run, deep, detailed })
    if (rest.length === 0) return facts
    const sharing = rest.map((other, i) =>
      sharedWith(facts, withoutUserinfo(others[i]!), other.image, run.passes),
    )
    return { ...facts, shared: await Promise.all(sharing) }
  })
}
