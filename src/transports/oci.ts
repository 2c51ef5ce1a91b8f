/** Image layouts, as directories. */
import { resolve } from 'node:path'
import type { BlobReader, BlobStore } from '../model/blob-store.js'
import type { Destination } from '../model/destination.js'
import type { Image } from '../model/image.js'
import { previousImages } from '../sources/previous.js'
import type { Holder, Place, Transport, TransportContext } from './transport.js'

export const oci: Transport = {
  scheme: 'oci',
  syntax: 'oci:DIR[:TAG]',
  parse: (address, name) =>
    parseLayout(address, name, {
      scheme: 'oci',
      isFile: false,
      write: async (path, { signal, isDry }) => {
        const { OciLayout } = await import('../blob-stores/oci-layout.js')
        return OciLayout.open(name, path, { signal, isDry })
      },
      read: async (path, { signal }) => {
        const { OciLayout } = await import('../blob-stores/oci-layout.js')
        return OciLayout.read(name, path, signal)
      },
    }),
}

type ReadableStore = BlobReader & { close(): Promise<void> }

interface LayoutKind {
  scheme: string
  isFile: boolean
  write(path: string, context: TransportContext): Promise<BlobStore>
  read(path: string, context: TransportContext): Promise<ReadableStore>
}

/** A tag as the image layout specification has it ("org.opencontainers.image.ref.name"). */
const TAG =
  /^[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:\/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*$/

/** `PATH[:TAG]` */
export function parseLayout(address: string, name: string, kind: LayoutKind): Place | string {
  const [, path, tag] = /^([^:]+)(?::(.*))?$/s.exec(address) ?? []
  if (path === undefined) return `"${name}": no path`
  if (tag !== undefined && !TAG.test(tag)) return `"${name}": "${tag}" is no tag of an image layout`
  return new Layout(name, path, tag, kind)
}

class Layout implements Place {
  readonly takesBlobs = true

  constructor(
    readonly name: string,
    readonly path: string,
    private readonly tag: string | undefined,
    private readonly kind: LayoutKind,
  ) {}

  get isFile(): boolean {
    return this.kind.isFile
  }

  get absolute(): string {
    const { kind, path, tag } = this
    return `${kind.scheme}:${resolve(path)}${tag === undefined ? '' : `:${tag}`}`
  }

  async destination(context: TransportContext): Promise<Destination> {
    const { name, tag } = this
    const store = await this.kind.write(this.path, context)
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
    const store = await this.kind.read(this.path, context)
    context.onEnd(() => store.close())
    return { store, reference: this.tag }
  }
}
