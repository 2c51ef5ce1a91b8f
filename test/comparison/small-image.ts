/** A small image, whose every byte can be chosen: layers of members, a config, names; written as a docker-archive. */
import { writeFileSync } from 'node:fs'
import { digestOf, toHex } from '../../src/model/digest.js'
import type { Member } from '../../src/model/member.js'
import { encodeHeader, newMember, paddingOf } from '../../src/tar/header.js'
import { block } from '../support/raw-tar.js'

export interface SmallMember extends Member {
  data: Buffer
  /** Changes the header's bytes; the checksum is made anew. */
  raw?: (headers: Buffer) => Buffer
  /** What fills the last block of its contents. */
  padding?: number
}

export interface SmallLayer {
  members: SmallMember[]
  end: Buffer
}

export interface HistoryEntry {
  [key: string]: unknown
}

export interface SmallImage {
  layers: SmallLayer[]
  // biome-ignore format: one key of any kind
  config: Record<string, unknown> & { config: Record<string, unknown> | null; history: HistoryEntry[]; rootfs: Record<string, unknown> }
  names: string[]
  /** Writes the config's text. */
  text: (config: unknown) => string
}

export const STORE = '/nix/store'
export const APP = `${STORE}/${'a'.repeat(32)}-app-1.0`
export const LIB = `${STORE}/${'b'.repeat(32)}-lib-2.3`
export const TOOL = `${STORE}/${'c'.repeat(32)}-tool`
export const EXTRA = `${STORE}/${'d'.repeat(32)}-extra-5`

export function member(name: string, data = '', fields: Partial<SmallMember> = {}): SmallMember {
  const bytes = Buffer.from(data)
  return { ...newMember(name, bytes.length, 1), uname: 'root', gname: 'root', data: bytes, ...fields }
}

const directory = (name: string): SmallMember => member(`${name}/`, '', { type: '5', mode: 0o755 })
const layer = (...members: SmallMember[]): SmallLayer => ({ members, end: Buffer.alloc(1024) })

/** The same each time. */
export function smallImage(): SmallImage {
  const store = (): SmallMember[] => [directory('/nix'), directory('/nix/store')]
  return {
    names: ['small:1'],
    text: (config) => JSON.stringify(config),
    layers: [
      layer(
        directory('etc'),
        member('etc/passwd', 'root:x:0:0\n'),
        member('etc/link', '', { type: '2', linkname: 'passwd' }),
        member('etc/hard', '', { type: '1', linkname: 'etc/passwd' }),
        directory('dev'),
        member('dev/null', '', { type: '3', devmajor: 1, devminor: 3 }),
        member('dev/sda', '', { type: '4', devmajor: 8, devminor: 0 }),
        member('dev/fifo', '', { type: '6' }),
      ),
      layer(
        ...store(),
        directory(APP),
        directory(`${APP}/bin`),
        member(`${APP}/bin/run`, `#!${LIB}/lib.so\n${'run '.repeat(300)}`, { mode: 0o555 }),
        member(`${APP}/share`, '', { type: '2', linkname: '../elsewhere' }),
        directory(LIB),
        member(`${LIB}/lib.so`, 'library'.repeat(100), {
          pax: new Map(Object.entries({ comment: 'kept', other: 'kept, too' })),
        }),
      ),
      layer(...store(), directory(TOOL), member(`${TOOL}/tool`, 'tool'), member(EXTRA, 'extra file')),
      layer(member('run.sh', 'run', { mode: 0o755 })),
    ],
    config: {
      created: '1970-01-01T00:00:01+00:00',
      author: 'nobody',
      architecture: 'amd64',
      os: 'linux',
      docker_version: '20.10',
      config: {
        User: 'root',
        Env: ['PATH=/bin', 'HOME=/root', 'EMPTY='],
        Cmd: ['sh', '-c', 'run'],
        Entrypoint: ['/init'],
        WorkingDir: '/root',
        Labels: { maintainer: 'me', version: '1' },
        ExposedPorts: { '80/tcp': {} },
        Volumes: { '/data': {} },
        StopSignal: 'SIGTERM',
        StopTimeout: 10,
        Hostname: 'host',
        Domainname: 'domain',
        Tty: true,
        OpenStdin: false,
        OnBuild: ['RUN x'],
        Shell: ['/bin/sh'],
        Healthcheck: { Test: ['CMD', 'x'], Interval: 30, Timeout: 5, Retries: 3 },
      },
      rootfs: { type: 'layers' },
      history: [
        { created: '1970-01-01T00:00:01+00:00', created_by: 'ADD base', comment: 'base' },
        { created: '1970-01-01T00:00:02+00:00', created_by: 'ENV x', author: 'me', empty_layer: true },
        { created: '1970-01-01T00:00:01+00:00', comment: `store paths: ['${APP}', '${LIB}']` },
        { created: '1970-01-01T00:00:01+00:00', comment: `store paths: ['${TOOL}', '${EXTRA}']` },
        { created: '1970-01-01T00:00:01+00:00', comment: 'run' },
      ],
    },
  }
}

/** The archive of a layer. */
export function layerBytes({ members, end }: SmallLayer): Buffer {
  const parts = members.flatMap(({ data, raw, padding = 0, ...fields }) => {
    const headers = encodeHeader(fields)
    const bytes = raw === undefined ? headers : withChecksum(raw(headers))
    return [bytes, data, Buffer.alloc(paddingOf(data.length), padding)]
  })
  return Buffer.concat([...parts, end])
}

/** Of the last block, where it is its usual form. */
function withChecksum(headers: Buffer): Buffer {
  const last = headers.subarray(-512)
  last.fill(0x20, 148, 156)
  const sum = last.reduce((total, byte) => total + byte, 0)
  last.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return headers
}

export interface SmallFiles {
  config: Buffer
  layers: Buffer[]
}

export function filesOf({ config, layers, text }: SmallImage): SmallFiles {
  const archives = layers.map(layerBytes)
  const diffIds = archives.map((bytes) => digestOf(bytes))
  const document = { ...config, rootfs: { ...config.rootfs, diff_ids: diffIds } }
  return { config: Buffer.from(text(document)), layers: archives }
}

export function writeArchive(path: string, image: SmallImage): string {
  const { config, layers } = filesOf(image)
  const name = `${toHex(digestOf(config))}.json`
  const names = layers.map((_, i) => `${i}/layer.tar`)
  const manifest = [{ Config: name, RepoTags: image.names, Layers: names }]
  const members = [
    ...layers.map((data, i) => block({ name: names[i]!, data })),
    block({ name, data: config }),
    block({ name: 'manifest.json', data: JSON.stringify(manifest) }),
  ]
  writeFileSync(path, Buffer.concat([...members, Buffer.alloc(1024)]))
  return path
}
