/** Something that keeps images and runs them: Docker, the storage of podman and others, containerd. */
import type { Digest } from './digest.js'
import type { ByteOutput } from './output.js'

export interface Engine {
  /** Resolves when it has answered. Until then nothing else need wait. @throws ImageError ENGINE_FAILED */
  readonly ready: Promise<unknown>
  /** Its images by ID; absent where it does not tell them by that. */
  readonly images?: ImagesById
  /** The ID of the image of that name, which takes a while to find out; absent where `images` tells more in less. */
  named?(name: string): Promise<Digest | undefined>
  /**
   * Has it take an image from a registry on this machine.
   * @param offer.reference what the image is called until it is published: `HOST:PORT/REPOSITORY:TAG`
   * @param offer.names what it is to be called in the end, in full
   * @param offer.isLast whether it may have them as soon as it is whole
   * @param offer.unpacked told of layers that are in place, by the beginning of their digest's hex
   * @param offer.signal ends it
   * @throws ImageError ENGINE_FAILED
   */
  pull(offer: PullOffer): Promise<void>
  /** Gives what was taken its names, if it has not got them, and takes the other one away. @throws ImageError ENGINE_FAILED */
  publish(reference: string, names: readonly string[]): Promise<void>
  /** Takes away what was not published, whether or not the build was stopped. */
  discard(reference: string): Promise<void>
  /**
   * Writes an image that it has into a file, as an archive.
   * @param name `NAME:TAG`, in full or in short @param path of an empty file
   * @returns what kind of archive it is @throws ImageError ENGINE_FAILED, OUTPUT_FAILED
   */
  save(name: string, path: string): Promise<'docker-archive' | 'oci-archive'>
  /** The command that runs an image of that name, for a shell; undefined where nothing does. */
  runCommand(name: string): string | undefined
  /** How it takes an image when it cannot connect to this machine. */
  readonly archives?: ArchiveTaker
}

export interface ImagesById {
  /** @throws ImageError ENGINE_FAILED */
  has(imageId: Digest): Promise<boolean>
  /** Gives an image that is there a further name. @throws ImageError ENGINE_FAILED */
  name(imageId: Digest, name: string): Promise<void>
}

export interface PullOffer {
  reference: string
  names: readonly string[]
  isLast: boolean
  unpacked(id: string): void
  signal: AbortSignal
}

/** An engine that takes docker-archives. */
export interface ArchiveTaker {
  /** Whether it is known to be on another machine. */
  readonly isElsewhere: boolean
  /**
   * How many of an image's layers, from the lowest on, an archive may leave out since they are there.
   * @param like what an image is called that is likely to have them; undefined: all images are looked at
   * @throws ImageError ENGINE_FAILED
   */
  present(diffIds: readonly Digest[], like?: string): Promise<number>
  /** Takes a docker-archive: its `end` is the engine's word that it has the image. */
  open(): Promise<ByteOutput>
}
