/** Blobs of layers: their bytes against their descriptors, how they are packed, what is in them. */
import { closeSync, openSync, rmSync, statSync } from 'node:fs'
import { saveBlob } from '../blob-stores/save-blob.js'
import { kindOf } from '../documents/oci-manifest.js'
import { attempt } from '../errors.js'
import { detectCompression } from '../layers/decompress.js'
import { fingerprintOf } from '../layers/fingerprint.js'
import type { BlobReader } from '../model/blob-store.js'
import type { Compression } from '../model/compression.js'
import type { Descriptor } from '../model/descriptor.js'
import { type FileRange, TO_THE_END } from '../model/recipe.js'
import type { Workshop } from '../pool/workshop.js'
import type { Findings } from './findings.js'
import type { LayerAudits } from './layers.js'

/** What is not read as an archive: attestations and other artifacts are blobs of any kind. */
export type Reading = 'layer' | 'bytes'

/** A blob in a file. */
interface InFile {
  range: Omit<FileRange, 'compression'>
  /** A file of its own, which goes when it was read. */
  temporary?: string
}

export class Blobs {
  private readonly compared = new Map<string, Promise<boolean>>()

  constructor(
    private readonly store: BlobReader,
    private readonly workshop: Workshop,
    private readonly findings: Findings,
    private readonly audits: LayerAudits,
  ) {}

  /** @param expected its diff ID */
  check(
    blob: Descriptor,
    where: string,
    reading: Reading,
    isLowest: boolean,
    expected?: string,
  ): Promise<void> {
    return this.audits.inTurn(async () => {
      const file = await this.findings.attempt(where, () => this.open(blob, where))
      if (file === undefined) return
      try {
        const isWhole = await this.compare(blob, file, where)
        if (reading === 'layer' && isWhole) await this.read(blob, file, where, isLowest, expected)
      } finally {
        if (file.temporary !== undefined) rmSync(file.temporary, { force: true })
      }
    })
  }

  /** Where it lies, or a file that it is downloaded into, compared on the way. @throws ImageError IMAGE_INVALID */
  private async open(blob: Descriptor, where: string): Promise<InFile | undefined> {
    const extent = this.store.locate?.(blob)
    // A part of a file is not unpacked by itself.
    if (extent === undefined || (!extent.whole && kindOf(blob) !== 'none')) {
      const path = await saveBlob(this.store, blob, this.workshop.makeFile)
      this.compared.set(`${blob.digest} ${blob.size}`, Promise.resolve(true))
      return { range: rangeOf(path, 0, blob.size), temporary: path }
    }
    return attempt('FILE_UNREADABLE', `cannot read ${where}`, () => ({
      range: rangeOf(extent.path, extent.offset, extent.size),
    }))
  }

  /** Its digest, by reading. */
  private compare(blob: Descriptor, { range }: InFile, where: string): Promise<boolean> {
    const key = `${blob.digest} ${blob.size}`
    const known = this.compared.get(key)
    if (known !== undefined) return known
    const comparing = (async () => {
      const { diffId, size } = await this.workshop.digest({ ...range, compression: 'none' }, where)
      this.findings.checked.bytes += size
      if (diffId !== blob.digest)
        this.findings.add(where, `expected the digest ${blob.digest}, found ${diffId}`)
      return diffId === blob.digest
    })()
    this.compared.set(key, comparing)
    return comparing
  }

  private async read(
    blob: Descriptor,
    { range }: InFile,
    where: string,
    isLowest: boolean,
    expected: string | undefined,
  ): Promise<void> {
    const kind = kindOf(blob)
    const found = range.range.offset === 0 ? compressionOf(range.path) : 'none'
    if (kind === undefined)
      this.findings.add(
        where,
        `expected a layer's media type, found ${JSON.stringify(blob.mediaType.slice(0, 200))}`,
      )
    else if (kind !== found)
      this.findings.add(where, `expected ${kind} data, as its media type says, found ${found}`)
    const all = found === 'none' ? range.range : { offset: 0, size: TO_THE_END }
    const recipe = { ...range, compression: found, range: all }
    await this.audits.check(blob.digest, where, recipe, isLowest, expected)
  }
}

function rangeOf(path: string, offset: number, size: number): InFile['range'] {
  return { kind: 'range', path, fingerprint: fingerprintOf(statSync(path)), range: { offset, size } }
}

function compressionOf(path: string): Compression {
  const fd = openSync(path, 'r')
  try {
    return detectCompression(fd)
  } finally {
    closeSync(fd)
  }
}
