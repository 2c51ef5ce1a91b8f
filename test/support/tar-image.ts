/** Docker-archives with layers of any members, the same bytes each time. */
import { writeFileSync } from 'node:fs'
import { type Digest, digestOf, toHex } from '../../src/model/digest.js'
import { block, type RawMember } from './raw-tar.js'

export interface TestLayer {
  /** Or the archive as it is. */
  members: readonly RawMember[] | Buffer
  /** In the image's history. */
  comment?: string
  createdBy?: string
}

export interface TarImage {
  layers: readonly TestLayer[]
  names?: readonly string[]
  config?: unknown
  /** Beside the layers' own. */
  history?: readonly unknown[]
}

/** A layer's archive. */
export function layerTar({ members }: TestLayer): Buffer {
  return Buffer.isBuffer(members) ? members : Buffer.concat([...members.map(block), Buffer.alloc(1024)])
}

/** @returns what the image is: its ID, its layers' diff IDs */
export function writeTarImage(
  path: string,
  { layers, names = [], config = {}, history = [] }: TarImage,
): { imageId: Digest; diffIds: Digest[] } {
  const archives = layers.map(layerTar)
  const diffIds = archives.map((archive) => digestOf(archive))
  const created = '1970-01-01T00:00:01+00:00'
  const image = Buffer.from(
    JSON.stringify({
      ...{ architecture: 'amd64', os: 'linux', created, config },
      rootfs: { type: 'layers', diff_ids: diffIds },
      history: [
        ...layers.map(({ comment, createdBy }) => ({ created, comment, created_by: createdBy })),
        ...history,
      ],
    }),
  )
  const imageId = digestOf(image)
  const paths = diffIds.map((diffId) => `${toHex(diffId)}/layer.tar`)
  const manifest = [{ Config: `${toHex(imageId)}.json`, RepoTags: names, Layers: paths }]
  const members: RawMember[] = [
    ...archives.map((data, i) => ({ name: paths[i]!, data })),
    { name: `${toHex(imageId)}.json`, data: image },
    { name: 'manifest.json', data: JSON.stringify(manifest) },
  ]
  writeFileSync(path, Buffer.concat([...members.map(block), Buffer.alloc(1024)]))
  return { imageId, diffIds }
}

/** A small image as nixpkgs makes them: two store paths in layers of their own, two in one, and links in the root. */
export function nixImage(names: readonly string[], version = '1.0'): TarImage {
  const path = (digit: string, name: string): string => `nix/store/${digit.repeat(32)}-${name}`
  const directory = (name: string): RawMember => ({ name: `${name}/`, type: '5' })
  const file = (name: string, bytes: number): RawMember => ({ name, data: Buffer.alloc(bytes, 'x') })
  const above = ['nix', 'nix/store'].map(directory)
  const layer = (...paths: [string, number][]): TestLayer => ({
    members: [
      ...above,
      ...paths.flatMap(([name, bytes]) => [
        directory(name),
        directory(`${name}/lib`),
        file(`${name}/lib/file`, bytes),
      ]),
    ],
    comment: `store paths: [${paths.map(([name]) => `'/${name}'`).join(', ')}]`,
  })
  const app = path('a', `app-${version}`)
  const customisation: TestLayer = {
    members: [
      directory('bin'),
      { name: 'bin/app', type: '2', linkname: `/${app}/lib/file` },
      directory('etc'),
      file('etc/passwd', 30),
    ],
    comment: `store paths: ['/${path('c', 'app-customisation-layer')}']`,
  }
  return {
    names,
    config: { Cmd: ['/bin/app', '--listen', '0.0.0.0'], Env: ['PATH=/bin', 'LANG=C.UTF-8'] },
    layers: [
      layer([path('g', 'glibc-2.40'), 200_000]),
      layer([path('z', 'zlib-1.3'), 9000], [path('s', 'openssl-3.4'), 70_000]),
      layer([app, 12_000]),
      customisation,
    ],
  }
}

/** What a store's database says of the paths of {@link nixImage}. */
export function nixRegistration(version = '1.0'): string {
  const path = (digit: string, name: string): string => `/nix/store/${digit.repeat(32)}-${name}`
  const glibc = path('g', 'glibc-2.40')
  const zlib = path('z', 'zlib-1.3')
  const openssl = path('s', 'openssl-3.4')
  const references: [string, string[]][] = [
    [glibc, [glibc]],
    [zlib, [glibc]],
    [openssl, [glibc, zlib]],
    [path('a', `app-${version}`), [glibc, openssl]],
  ]
  const hash = `sha256:${'0'.repeat(52)}`
  return references
    .flatMap(([from, to]) => [from, hash, '4096', '', `${to.length}`, ...to])
    .map((line) => `${line}\n`)
    .join('')
}
