/** What the transports of image layouts have in common: `SCHEME:PATH[:TAG]`. */
import { resolve } from 'node:path'
import type { LayoutReader } from '../blob-stores/layout-reader.js'
import type { OciLayoutOptions } from '../blob-stores/oci-layout.js'
import type { BlobStore } from '../model/blob-store.js'
import type { Destination } from '../model/destination.js'
import type { Image } from '../model/image.js'
import { previousImages } from '../sources/previous.js'
import type { Holder, Place, Transport, TransportContext } from './transport.js'

interface LayoutKind {
  scheme: string
  /** What a path leads to. */
  path: 'DIR' | 'FILE'
  /** Its stores, for when there is something to open. */
  stores(): Promise<{
    open(name: string, path: string, options: OciLayoutOptions): Promise<BlobStore>
    read(name: string, path: string, signal: AbortSignal): Promise<LayoutReader>
  }>
}

export function layoutTransport(kind: LayoutKind): Transport {
  return {
    scheme: kind.scheme,
    syntax: `${kind.scheme}:${kind.path}[:TAG]`,
    parse(address, name) {
      const [, path, tag] = /^([^:]+)(?::(.*))?$/s.exec(address) ?? []
      if (path === undefined) return `"${name}": no path`
      if (tag !== undefined && !TAG.test(tag)) return `"${name}": "${tag}" is no tag of an image layout`
      return new Layout(name, path, tag, kind)
    },
  }
}

/** A tag as the image layout specification has it ("org.opencontainers.image.ref.name"). */
const TAG =
  /^[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:\/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*$/

class Layout implements Place {
  readonly takesBlobs = true

  constructor(
    readonly name: string,
    readonly path: string,
    private readonly tag: string | undefined,
    private readonly kind: LayoutKind,
  ) {}

  get isFile(): boolean {
    return this.kind.path === 'FILE'
  }

  get absolute(): string {
    const { kind, path, tag } = this
    return `${kind.scheme}:${resolve(path)}${tag === undefined ? '' : `:${tag}`}`
  }

  async destination(context: TransportContext): Promise<Destination> {
    const { name, tag } = this
    const { signal, isDry } = context
    const store = await (await this.kind.stores()).open(name, this.path, { signal, isDry })
    context.onEnd(() => store.close())
    return {
      shape: 'by-digest',
      name,
      store,
      tags: tag === undefined ? [] : [tag],
      compression: 'none',
      previous: () => previousImages([{ at: store, reference: tag }], store),
      isRemote: false,
    }
  }

  async source(context: TransportContext): Promise<Image> {
    const { openStoredImage } = await import('../sources/blob-store.js')
    const { store } = await this.holder(context)
    return openStoredImage(
      store,
      this.tag,
      this.tag?.includes(':') ? [this.tag] : [],
      context.workshop,
      context.signal,
    )
  }

  async holder(context: TransportContext): Promise<Exclude<Holder, { archive: string }>> {
    const store = await (await this.kind.stores()).read(this.name, this.path, context.signal)
    context.onEnd(() => store.close())
    return { store, reference: this.tag }
  }
}
