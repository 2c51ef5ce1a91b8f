/** The suite of all blob stores, on those that are files. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OciArchive } from '../../src/blob-stores/oci-archive.js'
import { OciLayout } from '../../src/blob-stores/oci-layout.js'
import type { Descriptor } from '../../src/model/descriptor.js'
import { scratchDirectory } from '../support/scratch.js'
import { blobStoreSuite, type Place } from './suite.js'

const root = scratchDirectory()
let count = 0

function newLayout(): Promise<Place> {
  const directory = join(root, `layout-${count++}`)
  return Promise.resolve({
    open: (signal?: AbortSignal) => OciLayout.open(`oci:${directory}`, directory, { signal }),
    read: (signal?: AbortSignal) => OciLayout.read(`oci:${directory}`, directory, signal),
    damage: ({ digest }: Descriptor) => flip(join(directory, 'blobs', digest.replace(':', '/')), 0),
  })
}

function newArchive(): Promise<Place> {
  const path = join(root, `archive-${count++}.tar`)
  const read = (signal?: AbortSignal) => OciArchive.read(`oci-archive:${path}`, path, signal)
  return Promise.resolve({
    open: (signal?: AbortSignal) => OciArchive.open(`oci-archive:${path}`, path, signal),
    read,
    damage: ({ digest }: Descriptor) => {
      const bytes = readFileSync(path)
      // Behind the header that starts with the member's name.
      flip(path, bytes.indexOf(`blobs/${digest.replace(':', '/')}`) + 512)
    },
  })
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at]! ^= 1
  writeFileSync(path, bytes)
}

blobStoreSuite('an image layout', newLayout, { keeps: true })
blobStoreSuite('an image archive', newArchive, { keeps: false })
