/** Signatures that other programs make. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sign } from '../../src/attestations/signer.js'
import { OciLayout } from '../../src/blob-stores/oci-layout.js'
import { buildImage, buildIndex } from '../../src/index.js'
import type { Descriptor, Document } from '../../src/model/descriptor.js'
import { digestOf } from '../../src/model/digest.js'
import { blobOf, makeArtifact, makeImage, putArtifact } from '../blob-stores/suite.js'
import { writeConf } from '../support/image.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const never = new AbortController().signal
const subject: Descriptor = makeImage([1]).manifest.descriptor

const signed = (command: string, signal = never): ReturnType<typeof sign> =>
  sign(command, subject, 'docker://host/app:1', signal)

const failsWith = (message: RegExp) => (error: Error & { code?: string }) => {
  assert.equal(error.code, 'SIGNER_FAILED')
  assert.match(error.message, message)
  assert.ok(!error.message.includes('\n'))
  return true
}

/** Whether it runs; one that has ended may wait for somebody to look. */
function isRunning(pid: number): boolean {
  const stat = `/proc/${pid}/stat`
  return existsSync(stat) && !/\) Z /.test(readFileSync(stat, 'utf8'))
}

/** A layout with manifests, by its path. */
async function layoutOf(
  name: string,
  ...manifests: { blob: ReturnType<typeof blobOf>; manifest: Document }[]
) {
  const directory = join(root, name)
  const store = await OciLayout.open('oci:', directory)
  for (const artifact of manifests) await putArtifact(store, artifact)
  await store.publish()
  await store.close()
  return directory
}

test('the command is told what to sign and for where, and its manifests are about that', async () => {
  const about = makeArtifact(subject, 'about')
  const { subject: _, ...words } = JSON.parse(makeArtifact(subject, 'without').manifest.bytes.toString())
  const without = makeArtifact(subject, 'without')
  without.manifest = blobOf(Buffer.from(JSON.stringify(words)), without.manifest.descriptor.mediaType)
  const layout = await layoutOf('both', about, without)
  const told = join(root, 'told')
  const { manifests } = await signed(
    `cat > ${told}; echo $STREAM_LAYERED_IMAGE_DESTINATION >> ${told}; echo ${layout}`,
  )
  const [line, destination] = readFileSync(told, 'utf8').split('\n')
  assert.deepEqual(JSON.parse(line!), subject)
  assert.equal(destination, 'docker://host/app:1')
  assert.deepEqual(
    manifests.map(({ bytes }) => JSON.parse(bytes.toString()).subject),
    [subject, subject],
  )
  assert.ok(manifests.some(({ descriptor }) => descriptor.digest === about.manifest.descriptor.digest))
})

test('what goes wrong is one line', async () => {
  const other = await layoutOf('other', makeArtifact(makeImage([1]).manifest.descriptor, 'other'))
  const empty = await layoutOf('empty')
  for (const [command, message] of [
    ['echo first >&2; echo no key >&2; exit 3', /^signer "[^"]*": it ended with 3: no key$/],
    ['exit 3', /: it ended with 3$/],
    ['kill -9 $$', /: it ended with a signal$/],
    ['none-such-command', /: it ended with 127: .*none-such-command/],
    ['true', /: expected the path of an image layout, found nothing$/],
    ['echo a; echo b', /: expected the path of an image layout, found several lines$/],
    ['echo /none', /: cannot read oci:\/none: expected an index.json in \/none, found none$/],
    ['yes', /: expected at most 8192 bytes, found more$/],
    [`echo ${other}`, /: expected manifests about sha256:\w+, found one about sha256:\w+$/],
    [`echo ${empty}`, /: expected a manifest to attach, found none$/],
  ] as const)
    await assert.rejects(signed(command), failsWith(message), command)
})

test('a command is ended with the build, and all that it started', async () => {
  const stop = new AbortController()
  const pid = join(root, 'pid')
  const signing = signed(`sleep 100 & echo $! > ${pid}.new; mv ${pid}.new ${pid}; wait`, stop.signal)
  signing.catch(() => {})
  while (!existsSync(pid)) await new Promise((resolve) => setTimeout(resolve, 10))
  stop.abort()
  await assert.rejects(signing, { code: 'ABORTED' })
  assert.equal(isRunning(Number(readFileSync(pid, 'utf8'))), false)
})

test('signatures are attached to the image; when there are none, no tag appears', async () => {
  const store = join(root, 'store')
  mkdirSync(store)
  writeFileSync(join(store, 'file'), 'content')
  const conf = writeConf(root, { store_layers: [[store]] })
  const signature = makeArtifact(subject, 'signature')
  const { subject: _, ...words } = JSON.parse(signature.manifest.bytes.toString())
  signature.manifest = blobOf(Buffer.from(JSON.stringify(words)), signature.manifest.descriptor.mediaType)
  const layout = await layoutOf('signature', signature)
  const script = join(root, 'sign')
  writeFileSync(script, `#!/bin/sh\ncat > /dev/null\necho ${layout}\n`)
  chmodSync(script, 0o755)
  const end = join(root, 'end')
  const { manifestDigest, destinations } = await buildImage({
    ...{ conf, destinations: [`oci:${end}:v1`], signer: script },
  })
  const reader = await OciLayout.read('oci:', end)
  const [found, ...others] = await reader.referrers(manifestDigest!)
  assert.deepEqual(others, [])
  assert.deepEqual(destinations?.[0]?.attached, [
    { digest: found?.digest, artifactType: 'application/vnd.test' },
  ])
  const index = join(root, 'index')
  const { images, manifestDigest: ofIndex } = await buildIndex({
    ...{ confs: [conf], destinations: [`oci:${index}:v1`], signer: script },
  })
  for (const digest of [ofIndex, images[0]!.manifestDigest])
    assert.equal((await (await OciLayout.read('oci:', index)).referrers(digest)).length, 1)
  const failed = join(root, 'failed')
  await assert.rejects(buildImage({ conf, destinations: [`oci:${failed}:v1`], signer: 'exit 1' }), {
    code: 'SIGNER_FAILED',
  })
  assert.equal(existsSync(join(failed, 'index.json')), false)
  assert.equal(digestOf(signature.manifest.bytes), signature.manifest.descriptor.digest)
})
