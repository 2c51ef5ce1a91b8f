/** Images that are there already and may have the same layers. */
import { manifestsOf } from '../documents/oci-index.js'
import { parseManifest } from '../documents/oci-manifest.js'
import { ImageError } from '../errors.js'
import type { BlobReader, BlobStore } from '../model/blob-store.js'
import type { PreviousImage } from '../model/destination.js'

/** How many images that nobody named are looked at: each is a request. */
const FEW = 4

/**
 * The images that are named; when none of them is there, a few of those that the store lists.
 * @param named where, and by which tag or digest; undefined where the only image has none
 * @param store whose other images are likely to have them
 * @throws ImageError IMAGE_INVALID for a named one that is none
 */
export async function previousImages(
  named: readonly { at: BlobReader; reference: string | undefined }[],
  store: BlobStore,
): Promise<PreviousImage[]> {
  const found = present(await Promise.all(named.map(({ at, reference }) => read(at, reference))))
  if (found.length > 0) return found
  const likely = likelyTags(await store.tags().catch(none))
  return present(await Promise.all(likely.map((tag) => read(store, tag).catch(nothing))))
}

async function read(store: BlobReader, reference: string | undefined): Promise<PreviousImage | undefined> {
  const found = await store.manifest(reference)
  if (found === undefined || manifestsOf(found) !== undefined) return undefined
  const separator = reference?.includes(':') ? '@' : ':'
  const name =
    reference === undefined ? store.name : `${withoutReference(store.name)}${separator}${reference}`
  return { name, layers: parseManifest(found, store.name).layers }
}

/** `docker://host:5000/app:1` without `:1`, `oci:dir:1` without `:1`. */
function withoutReference(name: string): string {
  const [, place = name] = /^([^:]*:(?:\/\/[^/]*)?[^:@]*)/.exec(name) ?? []
  return place
}

function present(images: readonly (PreviousImage | undefined)[]): PreviousImage[] {
  return images.filter((image) => image !== undefined)
}

/** What cannot be listed or read was only a guess. @throws ImageError ABORTED */
function none(error: unknown): [] {
  if (error instanceof ImageError && error.code === 'ABORTED') throw error
  return []
}

function nothing(error: unknown): undefined {
  none(error)
}

/** What a branch's image is called when it is not known which branch this is. */
const USUAL = ['latest', 'main', 'master', 'develop', 'trunk']
/** Where CI systems tell the branch, and the one that it goes into. */
const BRANCHES = ['GITHUB_REF_NAME', 'GITHUB_BASE_REF', 'CI_COMMIT_REF_SLUG', 'CI_DEFAULT_BRANCH']

/** The tags that most likely have the same layers: the branch's, the usual ones, the highest version, the last. */
export function likelyTags(all: readonly string[], env: NodeJS.ProcessEnv = process.env): string[] {
  const branches = BRANCHES.map((name) => (env[name] ?? '').replaceAll(/[^\w.-]/g, '-'))
  const tags = all.filter((tag) => !OF_DIGEST.test(tag))
  const known = new Set(tags)
  const named = [...branches, ...USUAL].filter((tag) => known.has(tag))
  const versions = tags.filter((tag) => VERSION.test(tag)).sort(byVersion)
  const last = [versions.at(-1), tags.at(-1)].filter((tag) => tag !== undefined)
  return [...new Set([...named, ...last])].slice(0, FEW)
}

/** No images: lists of referrers, and signatures as cosign has called them. */
const OF_DIGEST = /^sha256-[0-9a-f]{64}/

/** Without what is before a release. */
const VERSION = /^v?\d+(\.\d+){0,3}$/

function byVersion(a: string, b: string): number {
  return a.replace('v', '').localeCompare(b.replace('v', ''), 'en', { numeric: true })
}
