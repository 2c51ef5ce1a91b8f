/** What a transport is: a scheme, a syntax, and the sides that it has. */
import type { NamedPath } from '../files/apart.js'
import type { BlobReader } from '../model/blob-store.js'
import type { Destination } from '../model/destination.js'
import type { Image } from '../model/image.js'
import type { DeliveryOptions } from '../options.js'
import type { Workshop } from '../pool/workshop.js'

export interface Transport {
  /** `oci` */
  readonly scheme: string
  /** For people: `oci:DIR[:TAG]`. */
  readonly syntax: string
  /**
   * @param address what stands behind the scheme's colon @param name the whole, for messages
   * @returns what is wrong with it, as a sentence's beginning, when it names nothing: `oci: no directory`
   */
  parse(address: string, name: string): Place | string
}

/** Something that was named, and is not opened yet. */
export interface Place {
  /** As it was named, without secrets. */
  readonly name: string
  /** The file or the directory that is written to, where it is one; `-` is standard output. */
  readonly path?: string
  /** As it is named from any directory, where that is otherwise. */
  readonly absolute?: string
  /** Whether the path is a file; otherwise it is the directory of an image layout. */
  readonly isFile?: boolean
  /** Whether layers are blobs there, so that keys of layers can save work. */
  readonly takesBlobs: boolean
  /**
   * Where it takes `previous` and `registry.mountFrom`: checks what they name, before anything starts.
   * @throws ImageError DESTINATION_INVALID
   */
  checkOthers?(options: DeliveryOptions): void
  /** Checks and opens it to write to. @throws ImageError OUTPUT_FAILED, DESTINATION_INVALID, … */
  destination(context: TransportContext): Promise<Destination>
  /** The image that is there. @throws ImageError IMAGE_INVALID, REGISTRY_FAILED, … */
  source(context: TransportContext): Promise<Image>
  /** What holds the image, for who looks at all of it. @throws ImageError as {@link source} */
  holder(context: TransportContext): Promise<Holder>
}

/** What is written to there on this machine, where it is a file or a directory. */
export function namedPath({ name, path, isFile }: Place): NamedPath[] {
  return path === undefined ? [] : [{ name, path, isLayout: isFile !== true }]
}

/** The path of a docker-archive, or a store of blobs with what the image is called in it. */
export type Holder =
  | { archive: string }
  | {
      store: BlobReader
      /** A tag or a digest; undefined for the only image, or all of them. */
      reference: string | undefined
    }

export interface TransportContext {
  options: DeliveryOptions
  workshop: Workshop
  signal: AbortSignal
  /** Whether destinations are only looked at: nothing is made or opened to write. */
  isDry?: boolean
  /** Takes a sentence for people: what is waited for. */
  notice(message: string): void
  /** Has something closed when the build is over. */
  onEnd(close: () => Promise<void>): void
}
