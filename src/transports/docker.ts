/** Registries. */
import { ImageError } from '../errors.js'
import type { Destination } from '../model/destination.js'
import type { Image } from '../model/image.js'
import { type DeliveryOptions, namesOf } from '../options.js'
import {
  checkMountFrom,
  type OtherImage,
  parseOtherImage,
  parseReference,
  type RegistryReference,
  withoutUserinfo,
} from '../registry/reference.js'
import { previousImages } from '../sources/previous.js'
import type { Holder, Place, Transport, TransportContext } from './transport.js'

export const docker: Transport = {
  scheme: 'docker',
  syntax: 'docker://HOST/REPOSITORY[:TAG]',
  parse(address, name) {
    const reference = address.startsWith('//') ? parseReference(address.slice(2)) : undefined
    if (reference === undefined) return `"${withoutUserinfo(name)}": no reference to an image`
    return new Repository(reference, /:[^/]*$/.test(address.slice(2)))
  },
}

class Repository implements Place {
  readonly takesBlobs = true
  readonly name: string

  /** @param hasTag whether it was named with a tag, or a digest */
  constructor(
    private readonly reference: RegistryReference,
    private readonly hasTag: boolean,
  ) {
    this.name = nameOf(reference)
  }

  checkOthers({ previous, registry }: DeliveryOptions): void {
    if (previous !== undefined) this.other(previous)
    checkMountFrom(registry?.mountFrom, this.reference.host)
  }

  async destination(context: TransportContext): Promise<Destination> {
    const { name, reference } = this
    const { repository, tag, digest } = reference
    if (tag === undefined || digest !== undefined)
      throw new ImageError('DESTINATION_INVALID', `${name}: expected a tag to push to, found a digest`)
    const { previous, registry, repoTag } = context.options
    const tags = this.hasTag ? [tag] : tagsOf(namesOf(repoTag), tag)
    const other = this.other(previous ?? tag)
    const mountFrom = registry?.mountFrom ?? (other.repository === repository ? undefined : other.repository)
    const store = await this.open(context, mountFrom)
    const from = other.repository === repository ? store : store.other(other.repository)
    const here = tags.map((reference) => ({ at: store, reference }))
    return {
      shape: 'by-digest',
      // A tag that is put: with `-t` there may be no `latest`.
      name: nameOf({ ...reference, tag: tags[0]! }),
      store,
      tags,
      compression: 'gzip',
      previous: () =>
        previousImages(
          previous === undefined ? here : [...here, { at: from, reference: other.reference }],
          store,
        ),
      isRemote: true,
    }
  }

  async source(context: TransportContext): Promise<Image> {
    const { host, repository, tag, digest } = this.reference
    const { openStoredImage } = await import('../sources/blob-store.js')
    const store = await this.open(context, undefined)
    const names = tag === undefined ? [] : [`${host}/${repository}:${tag}`]
    return openStoredImage(store, digest ?? tag, names, context.workshop, context.signal)
  }

  async holder(context: TransportContext): Promise<Holder> {
    const { tag, digest } = this.reference
    return { store: await this.open(context, undefined), reference: digest ?? tag }
  }

  /** @throws ImageError DESTINATION_INVALID */
  private other(previous: string): OtherImage {
    const other = parseOtherImage(previous, this.reference)
    if (other !== undefined) return other
    throw new ImageError(
      'DESTINATION_INVALID',
      `previous image "${withoutUserinfo(previous)}": expected a tag, a digest, or docker://${this.reference.host}/REPOSITORY[:TAG], found none of them`,
    )
  }

  private async open({ options, signal, notice, onEnd }: TransportContext, mountFrom: string | undefined) {
    const { RegistryStore } = await import('../blob-stores/registry.js')
    const registry = { ...options.registry, mountFrom, onWait: notice }
    const store = new RegistryStore(this.name, this.reference, registry, signal)
    onEnd(() => store.close())
    return store
  }
}

function nameOf({ host, repository, tag, digest }: RegistryReference): string {
  return `docker://${host}/${repository}${digest === undefined ? `:${tag}` : `@${digest}`}`
}

/** The tags that names have; where there are none, the one that is meant without any. */
function tagsOf(names: readonly string[], otherwise: string): string[] {
  const tags = names.flatMap((name) => parseReference(name)?.tag ?? [])
  return tags.length === 0 ? [otherwise] : [...new Set(tags)]
}
