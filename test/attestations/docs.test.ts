/** Every command line of the page about attestations, run against a registry on this machine. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { codeBlocks } from '../docs/blocks.js'
import { command, skipWithout } from '../support/clients.js'
import { CLI } from '../support/image.js'
import { buildClosure, closureConf } from '../support/nix-closure.js'
import { startRegistry } from '../support/registry.js'
import { scratchDirectory } from '../support/scratch.js'
import { spawned } from '../support/spawned.js'

const page = readFileSync(fileURLToPath(new URL('../../../docs/attestations.md', import.meta.url)), 'utf8')

/** What cosign does here: `attest-blob` signs a statement with a key, `verify` finds it beside the image, and compares. */
const COSIGN = `#!/usr/bin/env bash
set -euo pipefail
if [ "$1" = attest-blob ]; then
  [ "$*" = "attest-blob --yes --key cosign.key --new-bundle-format=true --statement $7 --bundle $9" ]
  openssl dgst -sha256 -sign cosign.key -out "$9.signature" "$7"
  jq -cn --arg statement "$(base64 -w0 "$7")" --arg signature "$(base64 -w0 "$9.signature")" \\
    '{statement: $statement, signature: $signature}' > "$9"
  exit
fi
[ "$*" = "verify --new-bundle-format=true --key cosign.pub $5" ]
api=http://\${5%%/*}/v2/$(sed 's|^[^/]*/||; s|:.*||' <<< "$5")
index='Accept: application/vnd.oci.image.index.v1+json'
manifest='Accept: application/vnd.oci.image.manifest.v1+json'
digest=$(curl -sf -H "$manifest" "$api/manifests/\${5##*:}" | sha256sum | cut -d' ' -f1)
type=application/vnd.dev.sigstore.bundle.v0.3+json
referrer=$(curl -sf -H "$index" "$api/manifests/sha256-$digest" |
  jq -r --arg type "$type" '.manifests[] | select(.artifactType == $type) | .digest')
blob=$(curl -sf -H "$manifest" "$api/manifests/$referrer" | jq -r '.layers[0].digest')
curl -sf "$api/blobs/$blob" > bundle
jq -r .statement bundle | base64 -d > statement
jq -r .signature bundle | base64 -d > signature
openssl dgst -sha256 -verify cosign.pub -signature signature statement
[ "$(jq -r '.subject[0].digest.sha256' statement)" = "$digest" ]
`

test('docs/attestations.md: what it attaches is there, and verified', {
  skip: skipWithout('docker-registry', 'curl', 'nix-store', 'nix-build', 'busybox', 'jq', 'openssl'),
}, async () => {
  const root = scratchDirectory()
  const bin = join(root, 'bin')
  mkdirSync(bin)
  const script = (name: string, text: string): void => writeFileSync(join(bin, name), text, { mode: 0o755 })
  script('stream-layered-image', `#!/bin/sh\nexec "${process.execPath}" "${CLI}" "$@"\n`)
  script('cosign', COSIGN)
  symlinkSync(closureConf(join(root, 'app'), buildClosure(root), null, 'app'), join(root, 'conf.json'))
  command('openssl', [
    'ecparam',
    '-genkey',
    '-name',
    'prime256v1',
    '-noout',
    '-out',
    join(root, 'cosign.key'),
  ])
  command('openssl', ['ec', '-in', join(root, 'cosign.key'), '-pubout', '-out', join(root, 'cosign.pub')])
  const blocks = codeBlocks(page)
  const scripts = blocks.filter(({ language }) => language === 'bash')
  assert.equal(scripts.length, 2)
  for (const [i, name] of ['pack-layout', 'sign-with-cosign'].entries())
    script(name, scripts[i]!.lines.join('\n'))
  const { host } = await startRegistry(join(root, 'registry'))
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, TMPDIR: root }
  for (const { language, lines } of blocks) {
    if (language !== 'sh') continue
    const text = `cd "${root}"\n${lines.join('\n').replaceAll('registry.example', host)}`
    const run = await spawned('bash', ['-eo', 'pipefail', '-c', text], env)
    assert.equal(run.status, 0, `${text}: ${run.stderr}`)
  }
  assert.equal(JSON.parse(readFileSync(join(root, 'app.cdx.json'), 'utf8')).bomFormat, 'CycloneDX')
  assert.equal(JSON.parse(readFileSync(join(root, 'app.spdx.json'), 'utf8')).spdxVersion, 'SPDX-2.3')
  const mirror = JSON.parse(readFileSync(join(root, 'mirror/index.json'), 'utf8'))
  assert.equal(mirror.manifests.length, 3)
})
