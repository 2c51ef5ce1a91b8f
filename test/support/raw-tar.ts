/** Archives block by block, for what no well-meaning program writes. */
import { encodeHeader, newMember, paddingOf } from '../../src/tar/header.js'

export interface RawMember {
  name: string
  type?: string
  linkname?: string
  data?: string | Buffer
}

/** A member's header and data. */
export function block({ name, type = '0', linkname = '', data = '' }: RawMember): Buffer {
  const bytes = Buffer.from(data)
  const header = encodeHeader({ ...newMember(name, bytes.length, 0), type, linkname })
  return Buffer.concat([header, bytes, Buffer.alloc(paddingOf(bytes.length))])
}

/** An extended header, local (`x`) or global (`g`), with any payload. */
export function extended(payload: string | Buffer, type: 'x' | 'g' = 'x'): Buffer {
  return block({ name: 'records', type, data: payload })
}

/** A pax record `LEN KEY=VALUE\n`. */
export function record(key: string, value: string): string {
  const body = ` ${key}=${value}\n`
  let length = body.length
  while (length !== body.length + String(length).length) length = body.length + String(length).length
  return `${length}${body}`
}

/** Image config, manifest and the end of an archive that has just these layers. */
export function ending(layers: readonly string[], config: unknown = {}): Buffer {
  const image = { config, rootfs: { diff_ids: layers.map(() => `sha256:${'0'.repeat(64)}`) } }
  return Buffer.concat([
    block({ name: 'config.json', data: JSON.stringify(image) }),
    block({ name: 'manifest.json', data: JSON.stringify([{ Config: 'config.json', Layers: layers }]) }),
    Buffer.alloc(1024),
  ])
}
