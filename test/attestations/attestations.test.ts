/** SBOMs and provenance of images of real store paths, as they are attached and printed. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Spec, Validation } from '@cyclonedx/cyclonedx-library'
import * as v from 'valibot'
import { OciArchive } from '../../src/blob-stores/oci-archive.js'
import { OciLayout } from '../../src/blob-stores/oci-layout.js'
import { buildImage, buildIndex, copyImage } from '../../src/index.js'
import type { BlobReader } from '../../src/model/blob-store.js'
import type { Descriptor } from '../../src/model/descriptor.js'
import { type Digest, digestOf, toHex } from '../../src/model/digest.js'
import type { BuildOptions } from '../../src/options.js'
import { sbomOf } from '../../src/sbom-image.js'
import { bytesOf, hasCode } from '../blob-stores/suite.js'
import { command, Podman, skipWithout } from '../support/clients.js'
import { writeConf } from '../support/image.js'
import { startListingRegistry } from '../support/listing-registry.js'
import { buildClosure, type Closure, closureConf } from '../support/nix-closure.js'
import { startRegistry } from '../support/registry.js'
import { pathsIn, scratchDirectory } from '../support/scratch.js'
import { SPDX_DOCUMENT } from './spdx-schema.js'

const root = scratchDirectory()
const newDirectory = pathsIn(root)

/** The documents that are attached to an image, by type, with the manifests that attach them. */
async function attachedTo(
  reader: BlobReader,
  digest: Digest,
): Promise<{ descriptor: Descriptor; manifest: Record<string, unknown>; document: Buffer }[]> {
  const all = []
  for (const descriptor of await reader.referrers(digest)) {
    const manifest = JSON.parse((await reader.manifest(descriptor.digest))!.bytes.toString())
    all.push({ descriptor, manifest, document: await bytesOf(reader.get(manifest.layers[0])) })
  }
  return all
}

/** Builds into a new layout. @returns what is attached to it there, and warnings */
async function build(options: Omit<BuildOptions, 'destinations'>) {
  const directory = newDirectory()
  const warnings: string[] = []
  const result = await buildImage({
    ...{ ...options, destinations: [`oci:${directory}:v1`] },
    onEvent: (event) => event.type === 'warning' && warnings.push(event.message),
  })
  const attached = await attachedTo(await OciLayout.read('oci:', directory), result.manifestDigest!)
  return { directory, result, attached, warnings }
}

async function expectCycloneDx(text: Buffer): Promise<CycloneDx> {
  const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6)
  assert.equal(await validator.validate(text.toString()), null)
  return JSON.parse(text.toString())
}

interface CycloneDx {
  serialNumber: string
  metadata: { timestamp: string; component: { name: string; hashes: unknown } }
  components: {
    name: string
    version?: string
    'bom-ref': string
    purl: string
    hashes?: { alg: string; content: string }[]
    properties: { name: string; value: string }[]
  }[]
  dependencies: { ref: string; dependsOn?: string[] }[]
}

function files(...names: string[]): { directory: string; paths: string[] } {
  const directory = newDirectory()
  mkdirSync(directory)
  const paths = names.map((name) => join(directory, name))
  for (const path of paths) writeFileSync(path, path)
  return { directory, paths }
}

describe('of real store paths', {
  skip: skipWithout('nix-store', 'nix-instantiate', 'busybox'),
}, async () => {
  const withoutNix = skipWithout('nix-store', 'nix-instantiate', 'busybox')
  const closure: Closure = withoutNix ? { paths: [], busybox: '' } : buildClosure(root)
  const conf = withoutNix ? '' : closureConf(join(root, 'conf'), closure, null, 'app')
  const narHash = (path: string): string => command('nix-store', ['--query', '--hash', path])
  const narHex = (path: string): string =>
    command('nix-hash', ['--to-base16', '--type', 'sha256', narHash(path).slice('sha256:'.length)])
  const references = (path: string): string[] =>
    command('nix-store', ['--query', '--references', path])
      .split('\n')
      .filter((it) => it !== '' && it !== path)

  test('a CycloneDX SBOM says what the store says, and which layer', async () => {
    const { attached, result, warnings } = await build({ conf, sbom: 'cyclonedx' })
    assert.deepEqual(warnings, [])
    const [{ descriptor, manifest, document }] = attached as [(typeof attached)[0]]
    assert.equal(descriptor.artifactType, 'application/vnd.cyclonedx+json')
    assert.deepEqual(result.destinations?.[0]?.attached, [
      { digest: descriptor.digest, artifactType: descriptor.artifactType },
    ])
    assert.deepEqual((manifest.config as Descriptor).digest, digestOf(Buffer.from('{}')))
    assert.equal((manifest.subject as Descriptor).digest, result.manifestDigest)
    const bom = await expectCycloneDx(document)
    assert.equal(bom.metadata.timestamp, '1970-01-01T00:00:01.000Z')
    assert.equal(bom.metadata.component.name, 'app:latest')
    assert.deepEqual(bom.metadata.component.hashes, [{ alg: 'SHA-256', content: toHex(result.imageId) }])
    assert.deepEqual(
      bom.components.map((it) => it['bom-ref']),
      closure.paths.toSorted(),
    )
    for (const component of bom.components) {
      const path = component['bom-ref']
      const hash = path.slice('/nix/store/'.length).slice(0, 32)
      assert.equal(component.purl, `pkg:nix/${component.name}?outputhash=${hash}`)
      assert.deepEqual(component.hashes, [{ alg: 'SHA-256', content: narHex(path) }])
      const properties = Object.fromEntries(component.properties.map(({ name, value }) => [name, value]))
      const layer = result.layers.find(({ source }) => source.kind === 'store' && source.paths.includes(path))
      assert.equal(properties['oci:layer:diffId'], layer?.diffId)
      assert.equal(properties['nix:narHash'], narHash(path))
      assert.equal(properties['nix:storePath'], path)
      const { dependsOn = [] } = bom.dependencies.find(({ ref }) => ref === path)!
      assert.deepEqual(dependsOn.toSorted(), references(path).toSorted())
    }
    assert.ok(bom.dependencies.some(({ dependsOn = [] }) => dependsOn.length > 1))
  })

  test('an SPDX SBOM is by its specification, and says the same', async () => {
    const { attached, result } = await build({ conf, sbom: 'spdx' })
    const [{ descriptor, document }] = attached as [(typeof attached)[0]]
    assert.equal(descriptor.artifactType, 'application/spdx+json')
    const { packages, relationships } = v.parse(SPDX_DOCUMENT, JSON.parse(document.toString()))
    assert.equal(packages.length, closure.paths.length + 1)
    assert.equal(packages[0]?.checksums?.[0]?.checksumValue, toHex(result.imageId))
    for (const path of closure.paths) {
      const found = packages.find(({ sourceInfo }) => sourceInfo?.includes(`${path};`))
      assert.equal(found?.checksums?.[0]?.checksumValue, narHex(path))
      const needs = relationships.filter(
        (it) => it.spdxElementId === found?.SPDXID && it.relationshipType === 'DEPENDS_ON',
      )
      assert.equal(needs.length, references(path).length)
    }
  })

  test('provenance names the image, the configuration, and what the store says of each path', async () => {
    const { attached, result } = await build({ conf, provenance: true, annotations: { team: 'one' } })
    const [{ descriptor, document }] = attached as [(typeof attached)[0]]
    assert.equal(descriptor.artifactType, 'application/vnd.in-toto+json')
    assert.equal(descriptor.annotations?.['in-toto.io/predicate-type'], 'https://slsa.dev/provenance/v1')
    const statement = JSON.parse(document.toString())
    assert.equal(statement._type, 'https://in-toto.io/Statement/v1')
    assert.equal(statement.predicateType, 'https://slsa.dev/provenance/v1')
    assert.deepEqual(statement.subject, [
      { name: 'app:latest', digest: { sha256: toHex(result.manifestDigest!) } },
    ])
    const { buildDefinition, runDetails } = statement.predicate
    assert.deepEqual(buildDefinition.externalParameters, {
      configuration: { digest: { sha256: toHex(digestOf(readFileSync(conf))) } },
      repo_tags: ['app:latest'],
      annotations: { team: 'one' },
    })
    assert.ok(URL.canParse(buildDefinition.buildType) && URL.canParse(runDetails.builder.id))
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
    assert.deepEqual(runDetails.builder.version, { 'stream-layered-image': version })
    const [customisation, ...paths] = buildDefinition.resolvedDependencies
    assert.equal(customisation.digest.sha256, toHex(result.layers.at(-1)!.diffId))
    assert.deepEqual(
      paths.map((it: { name: string }) => it.name),
      closure.paths.toSorted(),
    )
    for (const { name, digest, annotations } of paths) {
      assert.deepEqual(digest, { narHash: narHex(name) })
      const deriver = command('nix-store', ['--query', '--deriver', name])
      assert.equal(annotations?.deriver ?? 'unknown-deriver', deriver)
    }
  })

  test('the same image has the same attestations, and what is printed is what is attached', async () => {
    for (const sbom of ['cyclonedx', 'spdx'] as const) {
      const [one, two] = [
        await build({ conf, sbom, provenance: true }),
        await build({ conf, sbom, provenance: true }),
      ]
      assert.deepEqual(
        one.attached.map(({ descriptor }) => descriptor),
        two.attached.map(({ descriptor }) => descriptor),
      )
      const printed = await sbomOf({ image: conf, format: sbom })
      assert.deepEqual(printed, one.attached[0]?.document)
      assert.deepEqual(await sbomOf({ image: `oci:${one.directory}:v1` }), printed)
      assert.deepEqual(await sbomOf({ image: `oci:${one.directory}` }), printed)
    }
  })

  test('without an attached one an SBOM is made of the paths that the history lists', async () => {
    const { directory } = await build({ conf })
    const archive = join(root, 'image.tar')
    await buildImage({ conf, destinations: [archive] })
    const printed = await sbomOf({ image: conf })
    // In an image layout nothing has its name.
    const { components } = await expectCycloneDx(printed)
    for (const image of [`oci:${directory}:v1`, archive, `docker-archive:${archive}`])
      assert.deepEqual((await expectCycloneDx(await sbomOf({ image }))).components, components)
    assert.deepEqual(await sbomOf({ image: archive }), printed)
    // Of another format than the attached one, likewise.
    const other = await build({ conf, sbom: 'cyclonedx' })
    v.parse(
      SPDX_DOCUMENT,
      JSON.parse((await sbomOf({ image: `oci:${other.directory}`, format: 'spdx' })).toString()),
    )
  })

  test('clients take an image with attestations as any other', {
    skip: skipWithout('docker-registry', 'curl', 'skopeo', 'podman'),
  }, async () => {
    const registry = await startRegistry(join(root, 'registry'))
    const listing = await startListingRegistry()
    const directory = newDirectory()
    const archive = join(root, 'archive.tar')
    const destinations = [
      ...[`docker://${registry.host}/app:v1`, `docker://${listing.host}/app:v1`],
      ...[`oci:${directory}:v1`, `oci-archive:${archive}:v1`],
    ]
    const result = await buildImage({ conf, destinations, sbom: 'cyclonedx', provenance: true })
    for (const { attached } of result.destinations ?? []) assert.equal(attached?.length, 2)
    // The registry that lists them is of this process, which waits meanwhile.
    for (const name of destinations.filter((it) => !it.includes(listing.host)))
      command('skopeo', ['copy', '--src-tls-verify=false', name, `dir:${join(root, 'taken')}`])
    const raw = (reference: string): Buffer =>
      Buffer.from(
        command('skopeo', [
          'inspect',
          '--raw',
          '--tls-verify=false',
          `docker://${registry.host}/app${reference}`,
        ]),
      )
    const image = raw(':v1')
    assert.equal(digestOf(image), result.destinations?.[0]?.manifestDigest)
    // The list that clients keep leads to the manifests of both.
    const list = JSON.parse(raw(`:${digestOf(image).replace(':', '-')}`).toString())
    assert.deepEqual(
      list.manifests.map(({ digest, artifactType }: Descriptor) => ({ digest, artifactType })),
      result.destinations?.[0]?.attached,
    )
    for (const { digest } of list.manifests)
      assert.equal(JSON.parse(raw(`@${digest}`).toString()).subject.digest, digestOf(image))
    const listed = await fetch(
      `http://${listing.host}/v2/app/referrers/${result.destinations![1]!.manifestDigest}`,
    )
    const { manifests } = (await listed.json()) as { manifests: Descriptor[] }
    assert.equal(manifests.length, 2)
    assert.ok(!listing.requests.some((line) => line.includes('/manifests/sha256-')))
    const packed = await OciArchive.read('oci-archive:', archive)
    assert.equal((await attachedTo(packed, result.destinations![3]!.manifestDigest!)).length, 2)
    await packed.close()
    const podman = new Podman(join(root, 'podman'))
    podman.call('pull', '--tls-verify=false', `${registry.host}/app:v1`)
  })
})

test('where the store knows nothing, hashes are left out and a line says so once', async () => {
  const { directory, paths } = files('hello-2.12', 'hello_2.12', 'a+b')
  const conf = writeConf(directory, { store_layers: [paths] })
  const { attached, warnings } = await build({ conf, sbom: 'cyclonedx', provenance: true })
  assert.equal(warnings.length, 1)
  assert.match(warnings[0]!, /^of 3 of 3 store paths the Nix store of this machine knows nothing/)
  const bom = await expectCycloneDx(attached[0]!.document)
  assert.deepEqual(
    bom.components.map(({ hashes }) => hashes),
    [undefined, undefined, undefined],
  )
  const hello = bom.components.find(({ name }) => name === 'hello')
  assert.deepEqual([hello?.version, hello?.purl], ['2.12', 'pkg:nix/hello@2.12'])
  const { document } = (await build({ conf, sbom: 'spdx' })).attached[0]!
  assert.equal(v.parse(SPDX_DOCUMENT, JSON.parse(document.toString())).packages.length, 4)
})

test('each image of an index has its own', async () => {
  const confs = ['amd64', 'arm64'].map((architecture) => {
    const { directory, paths } = files(`app-${architecture}`)
    return writeConf(directory, { architecture, store_layers: [paths] })
  })
  const directory = newDirectory()
  const options = { confs, destinations: [`oci:${directory}:v1`], sbom: 'spdx', provenance: true } as const
  const { images, destinations } = await buildIndex(options)
  const reader = await OciLayout.read('oci:', directory)
  assert.equal(destinations[0]?.attached?.length, 4)
  for (const { manifestDigest } of images) assert.equal((await attachedTo(reader, manifestDigest)).length, 2)
})

test('what cannot be done is said before anything is', async () => {
  const { directory, paths } = files('app')
  const conf = writeConf(directory, { store_layers: [paths] })
  const file = join(root, 'none.tar')
  for (const asked of [{ sbom: 'spdx' }, { provenance: true }, { signer: 'true' }] as const)
    await assert.rejects(buildImage({ conf, destinations: [file], ...asked }), {
      code: 'OPTION_INVALID',
      message: /expected a registry or an image layout among the destinations, found none$/,
    })
  const unknown = { conf, destinations: [`oci:${newDirectory()}`], sbom: 'other' as 'spdx' }
  await assert.rejects(buildImage(unknown), hasCode('OPTION_INVALID'))
  await assert.rejects(buildImage({ ...unknown, sbom: undefined, signer: '' }), hasCode('OPTION_INVALID'))
})

test('an image of which nothing is known is an error with a hint', async () => {
  const { directory } = files('nothing')
  const end = newDirectory()
  await copyImage({ image: await foreignImage(directory), destinations: [`oci:${end}:v1`] })
  await assert.rejects(sbomOf({ image: `oci:${end}:v1` }), (error: Error & { hint?: string }) => {
    assert.match(String(error.hint), /--sbom/)
    return hasCode('SBOM_UNKNOWN')(error)
  })
})

/** @returns the name of an image without store paths */
async function foreignImage(directory: string): Promise<string> {
  const conf = writeConf(directory, { store_layers: [] })
  const archive = join(directory, 'image.tar')
  await buildImage({ conf, destinations: [archive] })
  return archive
}
