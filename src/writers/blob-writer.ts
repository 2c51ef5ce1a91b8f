/**
 * Layers as blobs. Each goes its own way: when its key tells its digest, a store that has it is asked for nothing more;
 * otherwise a worker produces the blob, once for all stores. Of those that have to be sent the largest go first.
 */
import { rmSync } from 'node:fs'
import pLimit, { type LimitFunction } from 'p-limit'
import { saveBlob } from '../blob-stores/save-blob.js'
import { isProvenBy } from '../cache/layer-keys.js'
import { nameOf, untrueLayer } from '../documents/layer-names.js'
import type { BlobCompression } from '../model/compression.js'
import type { Descriptor } from '../model/descriptor.js'
import type { ByDigest } from '../model/destination.js'
import type { Digest } from '../model/digest.js'
import type { LayerUnderWay } from '../model/events.js'
import type { Layer, StoredBlob } from '../model/layer.js'
import {
  compressionFor,
  copied,
  copiedDescriptor,
  type KnownBlob,
  looksAtOnce,
  ON_THEIR_WAY,
  recallBlob,
  sharedKey,
} from './blob-choices.js'
import { LargestFirst } from './largest-first.js'
import { describe, type PreviousBlobs } from './previous-blobs.js'
import type { WriteContext } from './written.js'

export type Outcome = 'uploaded' | 'mounted' | 'skipped'

/** A layer that every store has. */
export interface Delivered {
  diffId: Digest
  /** Of the archive; undefined when it was not unpacked. */
  size: number | undefined
  descriptor: Descriptor
  /** For each store, in order. */
  outcomes: Outcome[]
}

export class BlobWriter {
  private readonly compression: BlobCompression
  private readonly delivered = new Map<string, Promise<Delivered>>()
  /** Layers whose sizes were told. */
  private readonly sized = new WeakSet<Where>()
  /** Layers of which it is found out whether they have to be sent. */
  private readonly looks: LimitFunction
  /** Layers that are sent: as many temporary files there are at most. */
  private readonly sends: LargestFirst

  constructor(
    private readonly destinations: readonly ByDigest[],
    private readonly previous: PreviousBlobs,
    private readonly context: WriteContext,
  ) {
    this.compression = compressionFor(destinations, context.compression)
    this.looks = pLimit(looksAtOnce(destinations, context))
    this.sends = new LargestFirst(context.workshop.threads + ON_THEIR_WAY)
  }

  /** What has not begun never does. */
  stop(): void {
    this.looks.clearQueue()
    this.sends.stop()
  }

  /** A layer that an image has again, or several images have, is delivered once. */
  async deliver(layer: Layer, at: Where): Promise<Delivered> {
    const key = await sharedKey(layer, this.context.compression)
    const before = key === undefined ? undefined : this.delivered.get(key)
    if (before !== undefined) {
      const delivered = await before
      this.planned(at, delivered.size ?? delivered.descriptor.size)
      return { ...delivered, outcomes: this.destinations.map(() => 'skipped') }
    }
    const delivering = this.bring(layer, at)
    if (key !== undefined) this.delivered.set(key, delivering)
    return delivering
  }

  private async bring(layer: Layer, at: Where): Promise<Delivered> {
    const { stored } = layer
    const whole = copied(layer, this.context.compression)
    if (whole !== undefined) {
      const looked = await this.looks(() => this.lookFor(layer, whole, at))
      if (areThere(looked.outcomes)) return { ...looked, outcomes: looked.outcomes }
      return this.sends.run(whole.descriptor.size, () => this.copy(whole, looked, at))
    }
    const found = await this.looks(() => this.find(layer))
    if ('outcomes' in found) {
      this.planned(at, found.size ?? found.descriptor.size)
      return found
    }
    const { known, file } = found
    if (known !== undefined && file !== undefined)
      return this.sends.run(this.planned(at, known.blob.size), () => this.send(layer, known, file, at))
    // A blob's plan is had by reading it.
    const size = stored?.descriptor.size ?? layer.plan().then((plan) => this.planned(at, plan.size))
    return this.sends.run(size, () => this.make(layer, known, at))
  }

  /** Has all stores take the layer without sending it; where that cannot be, what is known of it. */
  private async find(layer: Layer): Promise<Delivered | Unsent> {
    const known = await this.known(layer)
    if (known === undefined) return { known }
    const descriptor = describe(known.blob, await layer.key(), this.compression)
    const outcomes = await this.bringAlong(descriptor)
    if (areThere(outcomes)) return { ...known.blob, descriptor, outcomes }
    return { known, file: await this.context.memory.blobFile(layer, this.compression) }
  }

  /** A layer's blob without making it: what the cache says, or every store's own previous image. */
  private async known(layer: Layer): Promise<KnownBlob | undefined> {
    const { passes, verify } = this.context
    const known = await recallBlob(layer, this.compression, this.previous, this.context)
    if (known === undefined) return undefined
    // What a base claims is no reason to leave a layer unread.
    if (layer.source.kind === 'base') await passes.compare(layer)
    else if (verify) {
      const { diffId } = await layer.checksum(false)
      if (!(await this.isTrue(layer, known, diffId))) return undefined
    }
    return known
  }

  private async make(layer: Layer, known: KnownBlob | undefined, at: Where): Promise<Delivered> {
    const { workshop, memory, underWay } = this.context
    const file = workshop.makeFile()
    try {
      const { recipe, size, diffId } = await layer.plan()
      this.planned(at, size)
      const key = await layer.key()
      const nar = key?.narHashes !== undefined
      const task = { recipe, size, compression: this.compression, file, offset: 0, nar }
      const blob = await underWay.counted({ ...at, step: 'making', total: size, size }, (counter) =>
        workshop.blob({ ...task, counter }, nameOf(layer.source)),
      )
      if (diffId !== undefined && diffId !== blob.diffId) throw untrueLayer(layer.source, diffId, blob.diffId)
      if (known !== undefined) await this.isTrue(layer, known, blob.diffId)
      const isProven = key !== undefined && isProvenBy(key, blob.narHashes)
      const descriptor = describe(blob, isProven ? key : undefined, this.compression)
      const outcomes = await this.put(descriptor, async () => file, { ...at, size })
      await memory.remember(layer, this.compression, blob)
      return { ...blob, descriptor, outcomes }
    } finally {
      rmSync(file, { force: true })
    }
  }

  /** A blob that a layer file has: its bytes are compared with what that says, packed and unpacked. */
  private async send(layer: Layer, { blob }: KnownBlob, path: string, at: Where): Promise<Delivered> {
    const packed = await this.context.workshop.fileDigests(path, this.compression.kind, nameOf(layer.source))
    const expected = [blob.digest, blob.blobSize, blob.diffId, blob.size].join(', ')
    const found = [packed.digest, packed.blobSize, packed.diffId, packed.size].join(', ')
    if (found !== expected)
      throw await this.context.memory.stale(layer, this.compression, nameOf(layer.source), expected, found)
    const descriptor = describe(blob, await layer.key(), this.compression)
    const outcomes = await this.put(descriptor, async () => path, { ...at, size: blob.size })
    return { ...blob, descriptor, outcomes }
  }

  /** Has all stores take a layer that is a blob already, as it is, without sending it. */
  private async lookFor(layer: Layer, stored: StoredBlob, at: Where): Promise<Looked> {
    const { diffId } = stored
    // The config of another image is to be true of it too.
    const size = layer.source.kind === 'base' ? (await this.context.passes.compare(layer)).size : undefined
    const descriptor = copiedDescriptor(stored)
    this.planned(at, size ?? descriptor.size)
    return { diffId, size, descriptor, outcomes: await this.bringAlong(descriptor) }
  }

  /** Sends such a layer to the stores that lack it. */
  private async copy({ store, descriptor }: StoredBlob, looked: Looked, at: Where): Promise<Delivered> {
    const { workshop, underWay } = this.context
    const sized = { ...at, size: looked.size ?? descriptor.size }
    let file: string | undefined
    try {
      let fetched = 0
      const count = (bytes: number): void => {
        fetched += bytes
      }
      const fetch = (): Promise<string> => saveBlob(store, descriptor, workshop.makeFile, count)
      const content = async (): Promise<string> => {
        const work = { ...sized, step: 'fetching', total: descriptor.size } as const
        file ??= await underWay.during(work, () => fetched, fetch)
        return file
      }
      const outcomes = await this.put(looked.descriptor, content, sized, looked.outcomes)
      return { ...looked, outcomes }
    } finally {
      if (file !== undefined) rmSync(file, { force: true })
    }
  }

  /** Has each store have the blob without sending it; undefined where that cannot be. */
  private bringAlong(blob: Descriptor): Promise<(Outcome | undefined)[]> {
    return Promise.all(this.destinations.map((it) => bringAlong(it, blob)))
  }

  /** @param content gives the blob's file, where it must be sent @param brought what stores have without it */
  private async put(
    blob: Descriptor,
    content: () => Promise<string>,
    at: Sized,
    brought?: readonly (Outcome | undefined)[],
  ): Promise<Outcome[]> {
    const outcomes: Outcome[] = []
    for (const [i, destination] of this.destinations.entries()) {
      const there = brought === undefined ? await bringAlong(destination, blob) : brought[i]
      if (there === undefined) await this.upload(blob, await content(), destination, at)
      outcomes.push(there ?? 'uploaded')
    }
    return outcomes
  }

  /** Tells a layer's size, once. @returns it */
  private planned(at: Where, size: number): number {
    if (!this.sized.has(at)) this.context.emit({ type: 'layer-planned', ...at, size })
    this.sized.add(at)
    return size
  }

  private upload(blob: Descriptor, path: string, { name, store }: ByDigest, at: Sized): Promise<void> {
    let sent = 0
    const onSent = (bytes: number): void => {
      sent = bytes
    }
    const work = { ...at, step: 'sending', destination: name, total: blob.size } as const
    return this.context.underWay.during(
      work,
      () => sent,
      () => store.put(blob, path, { hashed: true, onSent }),
    )
  }

  /**
   * Compares what was known of a layer with what was read.
   * @returns false, with a warning, when a previous image's annotation is not true @throws ImageError CACHE_STALE
   */
  private async isTrue(layer: Layer, { blob, isCached }: KnownBlob, found: Digest): Promise<boolean> {
    if (blob.diffId === found) return true
    const name = nameOf(layer.source)
    if (isCached) throw await this.context.memory.stale(layer, this.compression, name, blob.diffId, found)
    const message = `${name}: the annotation of the image that was there says ${blob.diffId}, found ${found}; it is not used`
    this.context.emit({ type: 'warning', message })
    return false
  }
}

/** Which layer it is, for people. */
type Where = Pick<LayerUnderWay, 'number' | 'image' | 'source'>
type Sized = Where & Pick<LayerUnderWay, 'size'>

/** A layer that is a blob, and what of it stores have without being sent it. */
type Looked = Omit<Delivered, 'outcomes'> & { outcomes: (Outcome | undefined)[] }

function areThere(outcomes: (Outcome | undefined)[]): outcomes is Outcome[] {
  return outcomes.every((outcome) => outcome !== undefined)
}

/** A layer that has to be sent. */
interface Unsent {
  known: KnownBlob | undefined
  /** Its blob, where a layer file has it. */
  file?: string | undefined
}

/** Has the blob there without sending it; undefined when that cannot be. */
async function bringAlong({ store }: ByDigest, blob: Descriptor): Promise<Outcome | undefined> {
  if (await store.has(blob)) return 'skipped'
  return (await store.mount(blob)) ? 'mounted' : undefined
}
