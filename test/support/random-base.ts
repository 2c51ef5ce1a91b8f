/** Random base images: their layers, links among them, documents, and how the archive is packed. */
import { posix } from 'node:path'
import fc from 'fast-check'
import { sha256, type TarMember, type TarOptions, tarRequest } from './base.js'
import { configText } from './random-json.js'

interface Layer {
  name: (i: number) => string
  size: number
  link: 'none' | 'symlink' | 'link'
  fields: Record<string, unknown>
  pax: Record<string, string>
}

export interface RandomBase {
  config: string
  layers: Layer[]
  documentsFirst: boolean
  reversed: boolean
  twice: boolean
  options: TarOptions & { format: 'PAX' | 'GNU' | 'USTAR' }
}

const layer: fc.Arbitrary<Layer> = fc.record({
  name: fc.constantFrom<((i: number) => string)[]>(
    (i) => `${String(i).repeat(64)}/layer.tar`,
    (i) => `blobs/sha256/${i}`,
    (i) => `./${i}.tar`,
    (i) => `dé ${i}'.tar`,
    (i) => `日本/${i}`,
    (i) => `${i}-\udcff\udc80.tar`,
    (i) => `${'d/'.repeat(20)}${'n'.repeat(70)}${i}`,
  ),
  size: fc.constantFrom(0, 1, 511, 512, 513, 10240, 70_000),
  link: fc.constantFrom('none', 'none', 'none', 'symlink', 'link'),
  fields: fc.constantFrom<Record<string, unknown>[]>(
    {},
    { mtime: 1700000000, uid: 5, gid: 7, gname: 'staff', mode: 0o600 },
    { mtime: -1.5, uid: 3_000_000, gid: 8 ** 7, uname: 'jürgen' },
    { uname: '\udce9', gname: 'g'.repeat(33), mtime: 8 ** 11 },
  ),
  pax: fc.constantFrom<Record<string, string>[]>(
    {},
    { comment: 'kept', '12': 'integer-like' },
    { mtime: '1700000000.123456789' },
    { 'SCHILY.xattr.user.x': '\udcff\udc80', b: '1' },
  ),
})

export const randomBase: fc.Arbitrary<RandomBase> = fc.record({
  config: configText,
  layers: fc.array(layer, { maxLength: 4 }),
  documentsFirst: fc.boolean(),
  reversed: fc.boolean(),
  twice: fc.boolean(),
  options: fc.record({
    format: fc.constantFrom('PAX', 'PAX', 'GNU', 'USTAR'),
    compression: fc.constantFrom('none', 'none', 'gz', 'bz2', 'xz'),
  }),
})

/** @returns what `MAKE_TAR` makes the archive from */
export function baseRequest(path: string, base: RandomBase): string {
  const { format } = base.options
  const members: TarMember[] = []
  const contents: string[] = []
  for (const [i, { name: nameOf, size, link, fields, pax }] of base.layers.entries()) {
    // What is out of the old formats' reach is left to PAX.
    const name = format === 'USTAR' ? `${i}/layer.tar` : nameOf(i)
    const owner = format === 'PAX' ? { fields, pax } : {}
    const target = link === 'none' ? undefined : members[0]
    if (target === undefined) {
      contents.push(String.fromCharCode(65 + i).repeat(size))
      members.push({ name, data: contents[i]!, ...owner })
    } else {
      const linkname = link === 'link' ? target.name : posix.relative(posix.dirname(name), target.name)
      contents.push(contents[0]!)
      members.push({ name, linkname, type: link === 'link' ? '1' : '2', ...owner })
    }
  }
  const listed = base.twice ? [...members, ...members.slice(0, 1)] : members
  const diffIds = listed.map((_, i) => `"sha256:${sha256(contents[i % Math.max(1, members.length)]!)}"`)
  const image = `{"config": ${base.config}, "rootfs": {"diff_ids": [${diffIds.join(', ')}]}}`
  const manifest = JSON.stringify([{ Config: 'config.json', Layers: listed.map(({ name }) => name) }])
  const documents = [
    { name: 'config.json', data: Buffer.from(image).toString('latin1') },
    { name: 'manifest.json', data: Buffer.from(manifest).toString('latin1') },
  ]
  // A hard link must come behind its target.
  const reversible = base.reversed && members.every(({ type }) => type !== '1')
  const layers = reversible ? members.toReversed() : members
  return tarRequest(
    path,
    base.documentsFirst ? [...documents, ...layers] : [...layers, ...documents],
    base.options,
  )
}
