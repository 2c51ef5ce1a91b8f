/** The suite of all blob stores: an image layout, an image archive, a repository of a real registry. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OciArchive } from '../../src/blob-stores/oci-archive.js'
import { OciLayout } from '../../src/blob-stores/oci-layout.js'
import { RegistryStore } from '../../src/blob-stores/registry.js'
import type { Descriptor } from '../../src/model/descriptor.js'
import { parseReference } from '../../src/registry/reference.js'
import { skipWithout } from '../support/clients.js'
import { startListingRegistry } from '../support/listing-registry.js'
import { startRegistry } from '../support/registry.js'
import { scratchDirectory } from '../support/scratch.js'
import { blobStoreSuite, type Place } from './suite.js'

const root = scratchDirectory()
let count = 0
const withoutRegistry = skipWithout('docker-registry', 'curl')
const registry = withoutRegistry ? { host: '' } : await startRegistry(join(root, 'registry'))

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
    open: (signal?: AbortSignal) => OciArchive.open(`oci-archive:${path}`, path, { signal }),
    read,
    damage: ({ digest }: Descriptor) => {
      const bytes = readFileSync(path)
      // Behind the header that starts with the member's name.
      flip(path, bytes.indexOf(`blobs/${digest.replace(':', '/')}`) + 512)
    },
  })
}

/** @param host of the registry @param damage changes what it has */
const newRepository = (host: string, damage: Place['damage']) => (): Promise<Place> => {
  const name = `${host}/behaviours/repository-${count++}`
  const open = async (signal = new AbortController().signal): Promise<RegistryStore> => {
    // What the suite reads without a tag is what the store was opened with.
    const store = new RegistryStore(`docker://${name}`, parseReference(`${name}:none`)!, {}, signal, {
      firstWait: 1,
    })
    // Nothing is opened until something is asked for.
    await store.manifest('none')
    return store
  }
  return Promise.resolve({ open, read: open, damage })
}

function damageBlob({ digest }: Descriptor): void {
  const hex = digest.slice('sha256:'.length)
  const path = join(root, 'registry/data/docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data')
  // It serves only manifests that it can read: another size is the least that can be wrong.
  flip(path, readFileSync(path).indexOf('"size":') + '"size":'.length)
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at]! ^= 1
  writeFileSync(path, bytes)
}

blobStoreSuite('an image layout', newLayout, { keeps: true, tagless: true })
blobStoreSuite('an image archive', newArchive, { keeps: false, tagless: true })
blobStoreSuite('a repository of a registry', newRepository(registry.host, damageBlob), {
  ...{ keeps: true, tagless: false, skip: withoutRegistry },
})

const listing = await startListingRegistry()
blobStoreSuite(
  'a repository of a registry that lists referrers',
  newRepository(listing.host, listing.damage),
  {
    ...{ keeps: true, tagless: false },
  },
)
