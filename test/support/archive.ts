/** Looks into an image archive, with tar-stream. */
import { createReadStream } from 'node:fs'
import { extract } from 'tar-stream'

export interface ImageDocuments {
  manifest: { Config: string; RepoTags: string[]; Layers: string[] }[]
  /** The image JSON. */
  image: { config: { Env?: string[] }; rootfs: { diff_ids: string[] }; history: { comment: string }[] }
  /** `sha256:…` */
  imageId: string
  members: string[]
}

export async function readImage(path: string): Promise<ImageDocuments> {
  const bodies = new Map<string, Buffer>()
  const members: string[] = []
  for await (const entry of createReadStream(path).pipe(extract())) {
    members.push(entry.header.name)
    const chunks: Buffer[] = []
    for await (const chunk of entry) if (entry.header.name.endsWith('.json')) chunks.push(chunk as Buffer)
    bodies.set(entry.header.name, Buffer.concat(chunks))
  }
  const manifest = JSON.parse(String(bodies.get('manifest.json'))) as ImageDocuments['manifest']
  const config = manifest[0]!.Config
  return {
    manifest,
    image: JSON.parse(String(bodies.get(config))),
    imageId: `sha256:${config.replace('.json', '')}`,
    members,
  }
}
