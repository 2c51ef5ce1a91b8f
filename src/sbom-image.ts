/** The SBOM of an image, wherever it is: the one that is attached to it, or one of its store paths. */
import { buffer } from 'node:stream/consumers'
import { contentsOf, storePathsOf } from './attestations/contents.js'
import { makeSbom, SBOM_FORMATS, SBOM_TYPES, type SbomFormat } from './attestations/sbom.js'
import { parseManifest } from './documents/oci-manifest.js'
import { ImageError } from './errors.js'
import { inRun, type Run } from './in-run.js'
import { inspect } from './inspection/inspect.js'
import type { Document } from './model/descriptor.js'
import type { Image } from './model/image.js'
import { checkSbomFormat, type ReadOptions } from './options.js'
import { type AnyImage, openAny } from './sources/any.js'

export interface SbomOptions extends ReadOptions {
  /** An image, named as destinations are, or a configuration as {@link BuildOptions.conf} names it. */
  image: string
  /** Default: that of the attached one, or `cyclonedx`. */
  format?: SbomFormat | undefined
}

/** More than any SBOM has, in bytes. */
const MAX_SBOM = 256 << 20

/** @returns JSON @throws ImageError SBOM_UNKNOWN when nothing tells what the image is made of */
export async function sbomOf(options: SbomOptions): Promise<Buffer> {
  const { image: name, format } = options
  checkSbomFormat('format', format)
  return inRun(options, async (run) => {
    const opened = await openAny(name, run)
    const { image } = opened
    const attached = await attachedTo(image, format === undefined ? SBOM_FORMATS : [format])
    if (attached !== undefined) return attached
    const config = await configOf(image, run)
    const paths = await pathsOfLayers(name, opened, config, run)
    if (image.configuration === undefined && paths.every(({ length }) => length === 0))
      throw new ImageError(
        'SBOM_UNKNOWN',
        `${image.names[0] ?? name}: expected an SBOM that is attached to the image, or store paths in it, found neither`,
        { hint: 'the SBOM of a configuration is attached to its image with --sbom when it is delivered' },
      )
    const warn = (message: string): void => run.emit({ type: 'warning', message })
    const contents = await contentsOf({ names: image.names, config, paths }, warn, run.signal)
    return makeSbom(format ?? 'cyclonedx', contents)
  })
}

/** The store paths of each layer: as the configuration or the history lists them, else as they are found in the layers. */
async function pathsOfLayers(
  name: string,
  opened: AnyImage,
  config: Document,
  run: Run,
): Promise<readonly (readonly string[])[]> {
  const listed = storePathsOf(config.bytes, opened.image.layers)
  if (opened.image.configuration !== undefined || listed.some(({ length }) => length > 0)) return listed
  const { layers } = await inspect(name, opened, { ...run, deep: true })
  return layers.map(({ storePaths }) => storePaths.map(({ path }) => path))
}

/** The image config; that of an image that is not built yet takes the checksum pass of every layer. */
async function configOf(image: Image, { passes }: Run): Promise<Document> {
  if (image.configuration === undefined) return image.config([])
  const passed = await Promise.all(image.layers.map((layer) => passes.of(layer)))
  return image.config(passed.map(({ diffId }) => diffId))
}

/** The first that is attached, of the first format that one has. @throws ImageError IMAGE_INVALID */
async function attachedTo({ stored }: Image, formats: readonly SbomFormat[]): Promise<Buffer | undefined> {
  if (stored === undefined) return undefined
  const { store, manifest } = stored
  const referrers = await store.referrers(manifest.descriptor.digest)
  const types = formats.map((format) => SBOM_TYPES[format])
  const found = types.flatMap((type) => referrers.filter(({ artifactType }) => artifactType === type))[0]
  const document = found && (await store.manifest(found.digest))
  const blob = document && parseManifest(document, store.name).layers[0]
  if (blob === undefined) return undefined
  if (blob.size > MAX_SBOM)
    throw new ImageError(
      'IMAGE_INVALID',
      `${store.name}: expected an SBOM of at most ${MAX_SBOM} bytes, found ${blob.size}`,
    )
  return buffer(store.get(blob))
}
