/** A closure as a configuration: `conf.json` and a customisation layer, as `dockerTools.streamLayeredImage` has them. */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { checkOwner, readLayerFile } from './cache/layer-file.js'
import { nixStoreDir } from './cache/nix-store.js'
import { type Closure, closureOf } from './closure/closure.js'
import { writeCustomisation } from './closure/customisation.js'
import { type ConfigOptions, imageConfig } from './closure/image-config.js'
import { type Layers, nixpkgsLayers, stableLayers } from './closure/layers.js'
import { architecture, imageName } from './closure/names.js'
import { checkTime, FIRST_SECOND, type OwnerOptions, ownerOf } from './closure/owner.js'
import { layersOfHistory } from './closure/previous.js'
import { queryClosure, storePathOf } from './closure/query.js'
import { parseRegistration } from './closure/registration.js'
import { addCertificates, addFakeNss, addTmp, linkFiles, type Tree } from './closure/tree.js'
import { attempt, ImageError } from './errors.js'
import { writeWhole } from './files/partial-file.js'
import { readText } from './files/read-whole.js'
import { inRun } from './in-run.js'
import type { Owner } from './model/owner.js'
import { namesConf } from './sources/any.js'
import { openConfFile } from './sources/conf-file.js'
import { parsePlace } from './transports.js'

export interface ClosureOptions {
  /** Store paths, or links to them. */
  paths: readonly string[]
  /** A file that says of all paths what the store's database does; undefined: Nix is asked. */
  registration?: string | undefined
}

export interface PlanOptions extends ClosureOptions, ConfigOptions, OwnerOptions {
  /** A directory; it is made. */
  output: string
  tag?: string | undefined
  from?: string | undefined
  created?: string | undefined
  arch?: string | undefined
  copyToRoot?: boolean | undefined
  fakeNss?: boolean | undefined
  caCertificates?: boolean | undefined
  /** All layers of the image, the base's and the customisation layer among them. */
  maxLayers: number
  layering: 'nixpkgs' | 'stable'
  /** A configuration, or an image as transports name it, whose layers are kept. */
  layeringFrom?: string | undefined
  /** Layer files, whose layers are the lowest. */
  known?: readonly string[] | undefined
  signal?: AbortSignal | undefined
}

/** What was planned. */
export interface Planned {
  conf: string
  repoTag: string
  /** Of store paths. */
  layers: number
  paths: number
}

/** @throws ImageError OPTION_INVALID, STORE_PATH_INVALID, LAYER_FILE_INVALID, OUTPUT_FAILED, and what a base fails with */
export async function planImage(options: PlanOptions): Promise<Planned> {
  const { signal, created = FIRST_SECOND, mtime = FIRST_SECOND, known = [] } = options
  if (options.output === '')
    throw new ImageError('OPTION_INVALID', '--output: expected a directory, found ""')
  const roots = rootsOf(options)
  const repoTag = imageName(options.tag, roots[0]!)
  const owner = ownerOf({ owner: options.owner, mtime })
  checkTime('--created', created)
  const arch = architecture(options.arch)
  const config = imageConfig(options, roots)
  const closure = await readClosure(roots, options.registration, signal)
  const tree = treeOf(options, roots, closure)
  const from = options.from === undefined ? null : (parsePlace(options.from).absolute ?? options.from)
  const layers = await layersOf(closure, owner, options, from)

  const output = resolve(options.output)
  const customisation = join(output, 'customisation')
  attempt('OUTPUT_FAILED', `cannot make ${output}`, () => mkdirSync(output, { recursive: true }))
  await writeCustomisation(customisation, tree, owner.mtime, signal)
  const document = {
    architecture: arch,
    config,
    os: 'linux',
    created,
    mtime,
    uid: String(owner.uid),
    gid: String(owner.gid),
    uname: owner.uname,
    gname: owner.gname,
    store_dir: nixStoreDir(),
    from_image: from,
    repo_tag: repoTag,
    store_layers: layers,
    customisation_layer: customisation,
    ...(known.length === 0 ? {} : { known_layers: known.map((file) => resolve(file)) }),
  }
  const conf = join(output, 'conf.json')
  await writeWhole(conf, `${JSON.stringify(document, undefined, 2)}\n`, signal)
  return { conf, repoTag, layers: layers.length, paths: closure.size }
}

/** @throws ImageError OPTION_INVALID, STORE_PATH_INVALID */
export function rootsOf({ paths }: ClosureOptions): string[] {
  if (paths.length === 0)
    throw new ImageError('OPTION_INVALID', 'expected a store path, found none', {
      hint: 'name one, as in: stream-layered-image plan $(nix-build -A app) -o DIR',
    })
  return [...new Set(paths.map((path) => storePathOf(path)))]
}

/** @throws ImageError STORE_PATH_INVALID */
export async function readClosure(
  roots: readonly string[],
  registration: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Closure> {
  if (registration === undefined) return queryClosure(roots, signal)
  const about = `cannot read the registration ${registration}`
  const text = await readText(registration, 'STORE_PATH_INVALID', about, signal)
  return closureOf(roots, parseRegistration(text, registration), registration)
}

function treeOf(options: PlanOptions, roots: readonly string[], closure: Closure): Tree {
  const tree: Tree = new Map()
  if (options.copyToRoot) for (const path of roots) linkFiles(tree, path)
  if (options.fakeNss) addFakeNss(tree)
  if (options.caCertificates) addCertificates(tree, [...closure.keys()])
  addTmp(tree)
  return tree
}

async function layersOf(
  closure: Closure,
  owner: Owner,
  options: PlanOptions,
  from: string | null,
): Promise<Layers> {
  const { maxLayers, layering, layeringFrom, known = [] } = options
  const fixed = fixedLayers(known, closure, owner)
  const { base, previous } = await readImages(from, layeringFrom, options.signal)
  const room = maxLayers - base - 1 - fixed.length
  const rest = without(closure, new Set(fixed.flat()))
  if (room < (rest.size > 0 ? 1 : 0))
    throw new ImageError(
      'OPTION_INVALID',
      `--max-layers: expected more than ${base} layers of the base, ${fixed.length} known ones and the customisation layer, found ${maxLayers}`,
      { hint: 'engines take up to 127' },
    )
  if (rest.size === 0) return fixed
  const isStable = layering === 'stable' || layeringFrom !== undefined
  const own = isStable ? stableLayers(rest, room, previous) : nixpkgsLayers(rest, room)
  return [...fixed, ...own]
}

/** @throws ImageError LAYER_FILE_INVALID when two have the same path, or one has a path that is not needed */
function fixedLayers(files: readonly string[], closure: Closure, owner: Owner): Layers {
  const holders = new Map<string, string>()
  return files.map((file) => {
    const layer = readLayerFile(file)
    checkOwner(file, layer, owner)
    for (const path of layer.paths) {
      const problem = closure.has(path) ? holders.get(path) : 'nothing that the image needs'
      if (problem !== undefined)
        throw new ImageError(
          'LAYER_FILE_INVALID',
          `layer file ${file}: expected paths of its own, found ${path}, of ${problem}`,
          {
            hint: 'leave paths of other layers out: stream-layered-image layer PATH… --closure --without OTHER.json',
          },
        )
      holders.set(path, `layer file ${file}`)
    }
    return layer.paths
  })
}

/** What is left of a closure; references lead nowhere else. */
function without(closure: Closure, taken: ReadonlySet<string>): Closure {
  if (taken.size === 0) return closure
  const left = [...closure].filter(([path]) => !taken.has(path))
  return new Map(
    left.map(([path, it]) => [path, { ...it, references: it.references.filter((one) => !taken.has(one)) }]),
  )
}

/** How many layers the base has, and what an earlier image has in its layers. */
async function readImages(
  from: string | null,
  layeringFrom: string | undefined,
  signal: AbortSignal | undefined,
): Promise<{ base: number; previous: Layers }> {
  const isConf = layeringFrom !== undefined && (await namesConf(layeringFrom))
  const never = new AbortController().signal
  const previous = isConf ? (await openConfFile(layeringFrom, () => {}, signal ?? never)).storeLayers : []
  const image = isConf ? undefined : layeringFrom
  if (from === null && image === undefined) return { base: 0, previous }
  return inRun({ signal }, async ({ openImage }) => ({
    base: from === null ? 0 : (await openImage(from)).layers.length,
    previous: image === undefined ? previous : layersOfHistory((await openImage(image)).config([]).bytes),
  }))
}
