/**
 * What `docker load` reads: one tar archive that holds each layer's archive, then the image JSON and the manifest,
 * in the reference's very bytes (Docker image specification v1.2).
 */
import { manifestJson } from '../documents/image-json.js'
import { type Digest, toHex } from '../model/digest.js'
import type { Emit } from '../model/events.js'
import type { Image } from '../model/image.js'
import type { Plan } from '../model/layer.js'
import type { Member } from '../model/member.js'
import { encodeHeader, newMember, paddingOf } from '../tar/header.js'
import { expectOwnNames, type NamedLayer } from './own-names.js'

const MANIFEST = 'manifest.json'

/** A layer's member in the archive. */
export function layerMember(plan: Plan, diffId: Digest, { mtime }: Image): Member {
  const usual = newMember(`${toHex(diffId)}/layer.tar`, plan.size, mtime)
  if (plan.member === undefined) return usual
  return plan.member.name === '' ? { ...plan.member, name: usual.name } : plan.member
}

/**
 * The image JSON and the manifest: the members behind the layers.
 * @param layers in order @throws ImageError BASE_INVALID for names that clash
 */
export function manifestMembers(
  image: Image,
  layers: readonly NamedLayer[],
): { imageId: Digest; bytes: Buffer } {
  const { descriptor, bytes: config } = image.config(layers.map(({ diffId }) => diffId))
  const configName = `${toHex(descriptor.digest)}.json`
  expectOwnNames(layers, [configName, MANIFEST])
  const manifest = manifestJson(
    configName,
    image.names,
    layers.map(({ member }) => member.name),
  )
  const file = (name: string, content: Buffer): Buffer[] => [
    encodeHeader(newMember(name, content.length, image.mtime)),
    content,
    Buffer.alloc(paddingOf(content.length)),
  ]
  const bytes = Buffer.concat([...file(configName, config), ...file(MANIFEST, manifest)])
  return { imageId: descriptor.digest, bytes }
}

/** What overlay file systems, and so Docker, can stack. */
const MAX_LAYERS = 127

/** Warns when an image has more layers than clients take. */
export function checkLayerCount({ layers }: Image, emit: Emit): void {
  if (layers.length <= MAX_LAYERS) return
  const message = `the image has ${layers.length} layers; Docker and overlay file systems take at most ${MAX_LAYERS}`
  emit({ type: 'warning', message })
}
