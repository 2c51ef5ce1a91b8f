/** Pushes to a real registry: plain, with a login, with TLS; skopeo, podman and Docker Engine read them back. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { readImage } from '../support/archive.js'
import { command, skipWithout } from '../support/clients.js'
import { runCli, writeConf } from '../support/image.js'
import { startRegistry } from '../support/registry.js'
import { resultOf, runAsync } from '../support/run-async.js'
import { scratchDirectory } from '../support/scratch.js'

const skip = skipWithout('docker-registry', 'curl', 'openssl', 'htpasswd')
const root = scratchDirectory()
const store = join(root, 'store')
mkdirSync(store)
const paths = Array.from({ length: 12 }, (_, i) => join(store, `p${i}`))
for (const [i, path] of paths.entries()) writeFileSync(path, `${i} `.repeat(1000 * (i + 1)))
const conf = writeConf(root, { store_layers: paths.map((path) => [path]) })

const registry = skip ? { host: '', ca: '' } : await startRegistry(join(root, 'plain'))

/** Pulls with skopeo, which checks each digest, and compares config and diff IDs with the docker-archive. */
async function assertSameImage(name: string, directory: string, ...options: string[]): Promise<void> {
  const { image, imageId } = await readImage(runCli(conf).output)
  command('skopeo', ['copy', '-q', ...options, `docker://${name}`, `dir:${directory}`])
  const manifest = JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8')) as {
    config: { digest: string }
    layers: { digest: string; mediaType: string }[]
  }
  assert.equal(manifest.config.digest, imageId)
  const diffIds = manifest.layers.map(({ digest, mediaType }) => {
    const reader = { gzip: 'zcat', zstd: 'zstdcat' }[mediaType.split('+')[1] ?? ''] ?? 'cat'
    const script = '"$0" "$1" | sha256sum'
    return `sha256:${command('sh', ['-c', script, reader, join(directory, digest.slice(7))]).slice(0, 64)}`
  })
  assert.deepEqual(diffIds, image.rootfs.diff_ids)
}

describe('a plain registry', { skip: skip || skipWithout('skopeo') }, () => {
  for (const compress of ['none', 'gzip:1', 'gzip', 'zstd'])
    test(`--compress ${compress}`, async () => {
      const name = `${registry.host}/kinds/${compress.replace(':', '-')}:v1`
      const digestFile = join(root, 'digest')
      const run = await runAsync([
        conf,
        '-o',
        `docker://${name}`,
        '--compress',
        compress,
        '--digest-file',
        digestFile,
      ])
      const { manifestDigest, destinations } = resultOf(run)
      assert.equal(destinations?.[0]?.uploaded?.layers, paths.length + 1)
      assert.equal(readFileSync(digestFile, 'utf8'), manifestDigest)
      const inspected = JSON.parse(
        command('skopeo', ['inspect', '--tls-verify=false', `docker://${name}`]),
      ) as { Digest: string }
      assert.equal(inspected.Digest, manifestDigest)
      await assertSameImage(name, join(root, `dir-${compress.replace(':', '-')}`), '--src-tls-verify=false')
    })

  test('the same bytes at any number of threads, and nothing is uploaded twice', async () => {
    const name = `docker://${registry.host}/again/app`
    const runs = []
    for (const jobs of ['1', '2', '5']) runs.push(resultOf(await runAsync([conf, '-o', name, '-j', jobs])))
    assert.equal(new Set(runs.map(({ manifestDigest }) => manifestDigest)).size, 1)
    const outcomes = runs.map(({ destinations }) => destinations?.[0])
    assert.deepEqual(
      outcomes.map((it) => it?.uploaded?.layers),
      [paths.length + 1, 0, 0],
    )
    assert.deepEqual(
      outcomes.map((it) => it?.skipped?.layers),
      [0, paths.length + 1, paths.length + 1],
    )
  })

  test('blobs of another repository are mounted', async () => {
    resultOf(await runAsync([conf, '-o', `docker://${registry.host}/mount/from`]))
    const run = await runAsync([
      conf,
      '-o',
      `docker://${registry.host}/mount/to`,
      '--mount-from',
      'mount/from',
    ])
    assert.deepEqual(resultOf(run).destinations?.[0]?.mounted?.layers, paths.length + 1)
    await assertSameImage(`${registry.host}/mount/to`, join(root, 'mounted'), '--src-tls-verify=false')
  })

  test('what cannot be mounted is uploaded', async () => {
    const name = `docker://${registry.host}/mount/alone`
    const run = await runAsync([conf, '-o', name, '--compress', 'gzip:2', '--mount-from', 'mount/nothing'])
    assert.equal(resultOf(run).destinations?.[0]?.uploaded?.layers, paths.length + 1)
  })

  test('several destinations in one run', async () => {
    const names = ['one', 'two'].map((name) => `docker://${registry.host}/several/${name}:latest`)
    const layout = `oci:${join(root, 'several')}:x`
    const run = await runAsync([conf, ...[...names, layout].flatMap((name) => ['-o', name])])
    const { destinations, manifestDigest } = resultOf(run)
    assert.deepEqual(
      destinations?.map(({ name }) => name),
      [...names, layout],
    )
    for (const destination of destinations ?? []) assert.equal(destination.manifestDigest, manifestDigest)
  })
})

test('a registry with a login', { skip: skip || skipWithout('skopeo') }, async () => {
  const registry = await startRegistry(join(root, 'login'), { login: 'me:secret-word' })
  const name = `docker://${registry.host}/app`
  const nobody = await runAsync([conf, '-o', name])
  assert.equal(nobody.status, 1)
  assert.match(nobody.stderr, /error: .*\[REGISTRY_DENIED\]\n.*hint: log in/)
  const configure = (login: string): NodeJS.ProcessEnv => {
    const auth = Buffer.from(login).toString('base64')
    writeFileSync(join(root, 'config.json'), JSON.stringify({ auths: { [registry.host]: { auth } } }))
    return { DOCKER_CONFIG: root }
  }
  const wrong = await runAsync([conf, '-o', name, '--debug'], configure('me:wrong-word'))
  assert.equal(wrong.status, 1)
  assert.match(wrong.stderr, /\[REGISTRY_DENIED\]/)
  assert.doesNotMatch(wrong.stderr + wrong.stdout, /wrong-word|bWU6/)
  const right = await runAsync([conf, '-o', name, '--debug'], configure('me:secret-word'))
  resultOf(right)
  assert.doesNotMatch(right.stderr + right.stdout, /secret-word|bWU6/)
  await assertSameImage(
    `${registry.host}/app`,
    join(root, 'login-dir'),
    '--src-tls-verify=false',
    '--src-creds=me:secret-word',
  )
})

test('a registry with TLS and a certificate of its own', {
  skip: skip || skipWithout('skopeo'),
}, async () => {
  const registry = await startRegistry(join(root, 'tls'), { tls: true })
  const name = `docker://${registry.host}/app`
  const untrusting = await runAsync([conf, '-o', name])
  assert.equal(untrusting.status, 1)
  assert.match(untrusting.stderr, /error: .*certificate.*\[REGISTRY_FAILED\]\n.*hint: --tls-ca/i)
  resultOf(await runAsync([conf, '-o', name, '--tls-ca', registry.ca]))
  await assertSameImage(`${registry.host}/app`, join(root, 'tls-dir'), '--src-tls-verify=false')
  const missing = await runAsync([conf, '-o', name, '--tls-ca', join(root, 'none.pem')])
  assert.match(missing.stderr, /cannot read .*none.pem: no such file or directory/)
})
