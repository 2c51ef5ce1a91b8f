/** Why a store path is in an image. */
import type { Closure } from './closure/closure.js'
import { ImageError } from './errors.js'
import { inRun } from './in-run.js'
import { pathMeant } from './inspection/path-meant.js'
import { search } from './inspection/search.js'
import { type WhyFacts, why } from './inspection/why.js'
import type { ReadOptions } from './options.js'
import { readClosure } from './plan-image.js'
import { withoutUserinfo } from './registry/reference.js'
import { openAny } from './sources/any.js'

export interface WhyOptions extends ReadOptions {
  /** An image or a configuration, as {@link InspectOptions.image}. */
  image: string
  /** A store path, something in one, or a part of its name. */
  path: string
  /** A file that says of all paths what the store's database does; undefined: Nix is asked. */
  registration?: string | undefined
  /** Whether the layers of an image in a registry are downloaded, for the links in its root. */
  deep?: boolean | undefined
}

/** @throws ImageError STORE_PATH_INVALID when the path is not in the image, or its references are not known */
export async function whyInImage(options: WhyOptions): Promise<WhyFacts> {
  const name = withoutUserinfo(options.image)
  return inRun(options, async (run) => {
    const any = await openAny(options.image, run)
    const searched = await search(name, any, { ...run, deep: options.deep === true })
    const path = pathMeant(name, options.path, searched.paths, any.storeDir)
    const closure = await referencesOf([...searched.paths.keys()], options.registration, run.signal)
    return why(name, path, searched, closure)
  })
}

async function referencesOf(
  paths: readonly string[],
  registration: string | undefined,
  signal: AbortSignal,
): Promise<Closure> {
  try {
    return await readClosure(paths, registration, signal)
  } catch (error) {
    if (!(error instanceof ImageError) || error.code !== 'STORE_PATH_INVALID' || registration !== undefined)
      throw error
    throw new ImageError(error.code, error.message, {
      hint: 'of an image from elsewhere --registration FILE has the references: nix-store --dump-db prints them there',
      cause: error,
    })
  }
}
