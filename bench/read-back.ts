/** What was made, looked at without this project's own code: tar-stream, SHA-256, fetch. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { extract } from 'tar-stream'

export interface ReadBack {
  layers: number
  /** Of the layers' archives. */
  bytes: number
  /** Names of what is not what it is called. */
  wrong: string[]
}

/** A docker-archive, whose layers and config are named by their SHA-256. */
export async function readArchive(path: string): Promise<ReadBack & { imageId: string }> {
  const digests = new Map<string, string>()
  const sizes = new Map<string, number>()
  let manifest = ''
  for await (const entry of createReadStream(path).pipe(extract())) {
    const hash = createHash('sha256')
    for await (const chunk of entry) {
      hash.update(chunk as Buffer)
      if (entry.header.name === 'manifest.json') manifest += String(chunk)
    }
    digests.set(entry.header.name, hash.digest('hex'))
    sizes.set(entry.header.name, entry.header.size ?? 0)
  }
  const [{ Config, Layers }] = JSON.parse(manifest) as [{ Config: string; Layers: string[] }]
  const wrong = [Config, ...Layers].filter(
    (name) => !/^[0-9a-f]{64}(\.json|\/layer\.tar)$/.test(name) || digests.get(name) !== name.slice(0, 64),
  )
  const bytes = Layers.reduce((sum, name) => sum + sizes.get(name)!, 0)
  return { layers: Layers.length, bytes, wrong, imageId: `sha256:${Config.slice(0, 64)}` }
}

/** An image of a registry. @param url of its manifest */
export async function readServed(url: string): Promise<ReadBack> {
  const accept = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = (await (await fetch(url, { headers: { accept } })).json()) as {
    config: Descriptor
    layers: Descriptor[]
  }
  const wrong: string[] = []
  let bytes = 0
  for (const { digest, size } of [manifest.config, ...manifest.layers]) {
    const hash = createHash('sha256')
    let found = 0
    const blob = await fetch(new URL(`../blobs/${digest}`, url))
    for await (const chunk of blob.body!) {
      hash.update(chunk)
      found += chunk.length
    }
    if (`sha256:${hash.digest('hex')}` !== digest || found !== size) wrong.push(digest)
    bytes += found
  }
  return { layers: manifest.layers.length, bytes, wrong }
}

interface Descriptor {
  digest: string
  size: number
}
