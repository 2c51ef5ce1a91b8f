/** The images of a server: configurations by name, looked at again when they change. */
import { handled } from '../errors.js'
import type { Document } from '../model/descriptor.js'
import type { Digest } from '../model/digest.js'
import type { ServedBlob, ServedImage } from './served-image.js'

/** What is served under a name. */
export interface CatalogEntry {
  /** A repository's name, without a host. */
  repository: string
  tag: string
  /** Where it comes from, for people. */
  source: string
  /** Changes whenever the image may be another. */
  version(): string
  /** Makes the image as it is now. @throws ImageError */
  open(): Promise<ServedImage>
}

/** Images that were told of stay until this many newer ones of the same name came: somebody may be taking them. */
const KEPT = 3
/** And those of so many names that are not listed any more. */
const KEPT_NAMES = 16

interface Held {
  repository: string
  version: string
  image: Promise<ServedImage>
}

export class Catalog {
  /** By `REPOSITORY:TAG`, the newest first. */
  private readonly held = new Map<string, Held[]>()

  /** @param list gives the entries as they are now */
  constructor(private readonly list: () => readonly CatalogEntry[]) {}

  entries(): readonly CatalogEntry[] {
    return this.list()
  }

  repositories(): string[] {
    return [...new Set(this.list().map(({ repository }) => repository))].sort()
  }

  has(repository: string): boolean {
    return this.list().some((entry) => entry.repository === repository)
  }

  /** @returns undefined when there is no such repository */
  tags(repository: string): string[] | undefined {
    const tags = this.list().filter((entry) => entry.repository === repository)
    return tags.length === 0 ? undefined : tags.map(({ tag }) => tag).sort()
  }

  /** The image of a tag, as its configuration is now; undefined when there is none. @throws ImageError */
  async byTag(repository: string, tag: string): Promise<ServedImage | undefined> {
    const entry = this.list().find((it) => it.repository === repository && it.tag === tag)
    if (entry === undefined) return undefined
    const version = entry.version()
    const [newest] = this.held.get(keyOf(entry)) ?? []
    return newest?.version === version ? newest.image : this.hold(entry, version).image
  }

  /** A blob of an image of the repository. */
  async blob(repository: string, digest: Digest): Promise<ServedBlob | undefined> {
    for await (const { blobs } of this.images(repository)) {
      const found = blobs.get(digest)
      if (found !== undefined) return found
    }
    return undefined
  }

  async manifest(repository: string, digest: Digest): Promise<Document | undefined> {
    for await (const { manifest } of this.images(repository))
      if (manifest.descriptor.digest === digest) return manifest
    return undefined
  }

  /** Forgets the images that have the blob: it is not true any more. */
  async forget(digest: Digest): Promise<void> {
    for (const [key, images] of [...this.held])
      for (const held of images)
        if ((await held.image.catch(() => undefined))?.blobs.has(digest)) this.drop(key, held)
  }

  /**
   * The images that the repository was told to have. Of a name that nobody has asked for yet, the one that it has now:
   * a client may go on with what another server, or this one before it was started again, began.
   */
  private async *images(repository: string): AsyncGenerator<ServedImage> {
    const held = [...this.held.values()].flat().filter((it) => it.repository === repository)
    for (const { image } of held) {
      const found = await image.catch(() => undefined)
      if (found !== undefined) yield found
    }
    for (const entry of this.list()) {
      if (entry.repository !== repository || this.held.has(keyOf(entry))) continue
      const found = await this.hold(entry).image.catch(() => undefined)
      if (found !== undefined) yield found
    }
  }

  private drop(key: string, held: Held): void {
    const rest = (this.held.get(key) ?? []).filter((it) => it !== held)
    if (rest.length > 0) this.held.set(key, rest)
    else this.held.delete(key)
  }

  private hold(entry: CatalogEntry, version = entry.version()): Held {
    const { repository } = entry
    const held: Held = { repository, version, image: handled(entry.open()) }
    const key = keyOf(entry)
    this.held.set(key, [held, ...(this.held.get(key) ?? [])].slice(0, KEPT))
    // A failure is told, and tried again by the next who asks.
    held.image.catch(() => this.drop(key, held))
    this.dropOldNames()
    return held
  }

  private dropOldNames(): void {
    const listed = new Set(this.list().map(keyOf))
    const old = [...this.held.keys()].filter((key) => !listed.has(key))
    for (const key of old.slice(0, -KEPT_NAMES)) this.held.delete(key)
  }
}

function keyOf({ repository, tag }: CatalogEntry): string {
  return `${repository}:${tag}`
}
