/** Random configurations: every key that decides bytes, and how the paths in it are spelled. */
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs'
import { join, relative } from 'node:path'
import fc from 'fast-check'
import { fsDecode } from '../../src/python/fs-encoding.js'
import { type ConfDocument, makeCustomisation, writeConf } from './image.js'
import { baseRequest, type RandomBase, randomBase } from './random-base.js'
import { configText, text } from './random-json.js'
import { materialise, type Node, storePath } from './tree.js'

export interface RandomImage {
  stores: { tree: Node; name: string; spelling: number }[][]
  /** Which path of which layer stands in which layer once more. */
  repeats: [number, number, number][]
  base: RandomBase | null
  config: string
  conf: Partial<ConfDocument>
  wideStoreDir: boolean
  customisation: { spelling: number; mode: number }
  /** What the configuration's `repo_tag` is replaced by. */
  tag: string | undefined
}

const pad = (value: number, width = 2): string => String(value).padStart(width, '0')
const date = fc
  .tuple(
    fc.integer({ min: 1, max: 9999 }),
    fc.integer({ min: 1, max: 12 }),
    fc.integer({ min: 1, max: 28 }),
    fc.nat(3),
  )
  .map(([year, month, day, form]) => {
    if (form === 0) return `${pad(year, 4)}-${pad(month)}-${pad(day)}`
    if (form === 1) return `${pad(year, 4)}${pad(month)}${pad(day)}`
    return form === 2
      ? `${pad(year, 4)}-W${pad(day)}-${1 + (month % 7)}`
      : `${pad(year, 4)}W${pad(day)}${1 + (month % 7)}`
  })
const clock = fc
  .tuple(
    fc.nat(23),
    fc.nat(59),
    fc.nat(59),
    fc.nat(3),
    fc.constantFrom('', '.5', ',000001', '.123456789', '.1234'),
  )
  .map(([hour, minute, second, form, fraction]) => {
    if (form === 0) return pad(hour)
    if (form === 1) return `${pad(hour)}:${pad(minute)}`
    const colon = form === 2 ? ':' : ''
    return [hour, minute, second].map((part) => pad(part)).join(colon) + fraction
  })
const zone = fc.constantFrom(
  'Z',
  '+00:00',
  '-00:00',
  '+05:30',
  '-1200',
  '+14',
  '-00:00:30',
  '+23:59:59.999999',
)
const moment = fc.oneof(
  fc.tuple(date, fc.constantFrom('T', ' ', '_', 'é'), clock, zone).map((parts) => parts.join('')),
  fc.constantFrom('1970-01-01T00:00:01+00:00', '19700101', '2024-07-01 12:00:00', '1969-12-31T23:59:58.5Z'),
  fc.constantFrom(
    '2242-03-16T12:56:31Z',
    '2242-03-16T12:56:32Z',
    '0001-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999999Z',
  ),
)
const owner = (far: (string | number)[]): fc.Arbitrary<string | number> =>
  fc.oneof(fc.nat(5000).map(String), fc.nat(5000), fc.constantFrom(...far))

export const randomImage: fc.Arbitrary<RandomImage> = fc.record({
  stores: fc.array(
    fc.array(
      fc.record({
        tree: storePath,
        name: fc.constantFrom('path', 'path', 'pâth', '\xff\x80', "it's", 'n'.repeat(90)),
        spelling: fc.nat(7),
      }),
      { maxLength: 3 },
    ),
    { minLength: 1, maxLength: 4 },
  ),
  repeats: fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat()), { maxLength: 2 }),
  base: fc.option(randomBase, { freq: 2 }),
  config: configText,
  conf: fc.record({
    uid: owner(['2097151', '2097152', -1, 4294967294, ' 7 ', '1_000', 7.9, 1e30]),
    gid: owner(['2097152', '-3', 2 ** 53]),
    uname: fc.constantFrom('root', '', 'jürgen', 'u'.repeat(32), 'u'.repeat(33), '😀', '\udcff'),
    gname: fc.constantFrom('root', 'wheel', '', 'g'.repeat(40), 'g\udc80'),
    created: moment,
    mtime: moment,
    repo_tag: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom('demo:latest', 'host:5000/a/b:C', 'a__b:1') },
      fc.constantFrom('ö/"x"', ''),
      text,
    ),
    architecture: fc.oneof(fc.constantFrom('amd64', 'arm64', ''), text),
  }),
  wideStoreDir: fc.boolean(),
  customisation: fc.record({ spelling: fc.nat(5), mode: fc.constantFrom(0o644, 0o444, 0o4755, 0o600) }),
  tag: fc.constantFrom<(string | undefined)[]>(undefined, undefined, 'a:b', 'é:b', '', ' '),
})

/**
 * Makes all that it stands for in an empty directory, but for the base.
 * @returns the path of its conf.json, and what `MAKE_TAR` makes the base from
 */
export function makeImage(directory: string, image: RandomImage): { conf: string; base: string | null } {
  // `via/..` is `store`, though it does not look so.
  mkdirSync(join(directory, 'store', 'inner'), { recursive: true })
  symlinkSync('store/inner', join(directory, 'via'))
  const files: Buffer[] = []
  const layers = image.stores.map((layer, i) =>
    layer.map(({ tree, name, spelling }, k) => {
      materialise(`${directory}/store/${i}${k}-${name}`, tree, files)
      return spell(directory, fsDecode(Buffer.from(`${i}${k}-${name}`, 'latin1')), spelling)
    }),
  )
  for (const [from, which, to] of image.repeats) {
    const layer = layers[from % layers.length]!
    if (layer.length > 0) layers[to % layers.length]!.push(layer[which % layer.length]!)
  }
  const customisation = makeCustomisation(join(directory, 'store', 'customisation'))
  chmodSync(join(customisation, 'layer.tar'), image.customisation.mode)
  const base = join(directory, 'base')
  const conf = writeConf(
    directory,
    {
      ...image.conf,
      store_layers: layers,
      store_dir: image.wideStoreDir ? '' : directory,
      from_image: image.base && base,
      customisation_layer:
        image.customisation.spelling === 5
          ? relative(process.cwd(), customisation)
          : spell(directory, 'customisation', image.customisation.spelling),
    },
    image.config,
  )
  return { conf, base: image.base && baseRequest(base, image.base) }
}

/** The path of `store/name` below the directory, in one of the ways in which paths may be written. */
function spell(directory: string, name: string, spelling: number): string {
  const spellings = [
    `${directory}/store/${name}`,
    `${directory}/store/${name}/`,
    `${directory}//store/./${name}/.//`,
    `${directory}/store/inner/../${name}`,
    `${directory}/via/../${name}`,
  ]
  return spellings[spelling] ?? spellings[0]!
}
