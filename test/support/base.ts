/** Base image archives for tests, made by CPython's tarfile. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'

export interface TarMember {
  name: string
  /** latin1 */
  data?: string
  linkname?: string
  type?: string
  pax?: Record<string, string>
  fields?: Record<string, unknown>
}

export interface TarOptions {
  format?: 'PAX' | 'GNU' | 'USTAR'
  compression?: 'none' | 'gz' | 'bz2' | 'xz'
  globals?: Record<string, string>
}

/** Makes the archive that {@link tarRequest} describes to it on standard input. */
export const MAKE_TAR = fileURLToPath(new URL('../../../test/support/make-tar.py', import.meta.url))

export function makeTar(path: string, members: readonly TarMember[], options: TarOptions = {}): string {
  const { status, stderr } = spawnSync('python3', [MAKE_TAR], {
    input: tarRequest(path, members, options),
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`make-tar failed: ${stderr}`)
  return path
}

export function tarRequest(path: string, members: readonly TarMember[], options: TarOptions): string {
  return JSON.stringify({
    path,
    format: options.format ?? 'PAX',
    compression: options.compression ?? 'none',
    globals: options.globals ?? null,
    members,
  })
}

export interface BaseParts {
  /** Layer members in the order of `Layers`. */
  layers: TarMember[]
  config?: unknown
  diffIds?: string[]
}

export const sha256 = (data: string): string => createHash('sha256').update(data, 'latin1').digest('hex')

/** The two documents of a docker-archive: image config, manifest. */
export function documents({ layers, config, diffIds }: BaseParts): TarMember[] {
  const image = utf8Json({
    architecture: 'amd64',
    os: 'linux',
    config: config === undefined ? { Env: ['PATH=/bin', 'BASE=1'] } : config,
    rootfs: {
      type: 'layers',
      diff_ids: diffIds ?? layers.map((layer) => `sha256:${sha256(layer.data ?? '')}`),
    },
  })
  const name = `${sha256(image)}.json`
  const manifest = utf8Json([
    { Config: name, RepoTags: ['base:1'], Layers: layers.map((layer) => layer.name) },
  ])
  return [
    { name, data: image },
    { name: 'manifest.json', data: manifest },
  ]
}

/** Data that no compression makes much smaller, the same each time. */
export function noise(length: number, seed: number): string {
  let state = seed | 1
  let text = ''
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    text += String.fromCharCode((state >>> 16) & 0xff)
  }
  return text
}

/** JSON text as the bytes of its UTF-8 form, in latin1. */
function utf8Json(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('latin1')
}
