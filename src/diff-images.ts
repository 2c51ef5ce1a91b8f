/** How two images differ, wherever they are. */
import { compare } from './comparison/compare.js'
import type { ImageDiff } from './comparison/result.js'
import { Side } from './comparison/side.js'
import { inRun, type Run } from './in-run.js'
import type { ReadOptions } from './options.js'
import { withoutUserinfo } from './registry/reference.js'
import { type AnyImage, namesConf, openAny } from './sources/any.js'
import { parsePlace } from './transports.js'

export interface DiffOptions extends ReadOptions {
  /** An image, named as destinations are, or a configuration as {@link BuildOptions.conf} names it. */
  from: string
  to: string
}

/**
 * Layers that both have are not read.
 * @throws ImageError with one of the stable codes; IMAGE_INVALID for a layer that is not what its image says
 */
export async function diffImages(options: DiffOptions): Promise<ImageDiff> {
  const { from, to } = options
  return inRun(options, async (run) => {
    const [a, b] = await Promise.all([openAny(from, run), openAny(to, run)])
    return diffOpened({ name: from, ...a }, { name: to, ...b }, run)
  })
}

/** Two images that are open. */
export async function diffOpened(
  from: AnyImage & { name: string },
  to: AnyImage & { name: string },
  run: Run,
): Promise<ImageDiff> {
  const { storeDir } = from
  const open = ({ name, image }: AnyImage & { name: string }) =>
    Side.open(withoutUserinfo(name), image, storeDir, run)
  const [a, b] = await Promise.all([open(from), open(to)])
  const areNamed = (await hasNames(from.name)) && (await hasNames(to.name))
  return compare(a, b, areNamed ? namesApart(from.image.names, to.image.names) : { removed: [], added: [] })
}

/** Whether an image has its names in itself: in stores of blobs the place gives them. */
async function hasNames(name: string): Promise<boolean> {
  return (await namesConf(name)) || !parsePlace(name).takesBlobs
}

function namesApart(from: readonly string[], to: readonly string[]): ImageDiff['names'] {
  return {
    removed: from.filter((name) => !to.includes(name)),
    added: to.filter((name) => !from.includes(name)),
  }
}
