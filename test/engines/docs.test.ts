/** Every command line of the pages about engines and serving, run as it stands there. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Containerd, command, DockerEngine, skipWithout } from '../support/clients.js'
import { CLI } from '../support/image.js'
import { buildClosure, closureConf } from '../support/nix-closure.js'
import { freePort, makeCertificate } from '../support/registry.js'
import { scratchDirectory } from '../support/scratch.js'
import { spawned } from '../support/spawned.js'

const skip = skipWithout(
  ...['nix-store', 'busybox', 'dockerd', 'docker', 'podman', 'containerd', 'ctr', 'runc', 'skopeo', 'curl'],
  ...['htpasswd', 'openssl'],
)
const root = scratchDirectory()

/** The lines of a page's shell blocks, in order; blocks keep their variables. */
function blocksOf(page: string): string[][] {
  const text = readFileSync(fileURLToPath(new URL(`../../../${page}`, import.meta.url)), 'utf8')
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block!.trim().split('\n'))
}

/** Starts what serves, and waits until it does. */
async function startServing(line: string, env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const child = spawn('sh', ['-c', `exec ${line}`], { cwd: root, env, stdio: ['ignore', 'ignore', 'pipe'] })
  after(() => child.kill('SIGKILL'))
  let said = ''
  child.stderr.setEncoding('utf8')
  while (!said.includes('serving ')) {
    const [part] = (await Promise.race([once(child.stderr, 'data'), once(child, 'exit')])) as [unknown]
    assert.equal(typeof part, 'string', `${line}: ${said}`)
    said += part
  }
  return child
}

describe('the pages', { skip }, async () => {
  if (skip) return
  const closure = buildClosure(root)
  const conf = closureConf(join(root, 'app'), closure, null, 'app')
  symlinkSync(conf, join(root, 'conf.json'))
  const expected = `hello from app\n${closure.paths.length}`
  await DockerEngine.start(join(root, 'docker'))
  const containerd = await Containerd.start(join(root, 'c'))
  symlinkSync('s', join(root, 'c', 'containerd.sock'))
  const bin = join(root, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'stream-layered-image'), `#!/bin/sh\nexec "${process.execPath}" "${CLI}" "$@"\n`)
  chmodSync(join(bin, 'stream-layered-image'), 0o755)
  writeFileSync(
    join(root, 'storage.conf'),
    `[storage]\ndriver = "vfs"\ngraphroot = "${root}/p/root"\nrunroot = "${root}/p/run"\n`,
  )
  // Containers here get neither more limits nor a network than the tests need.
  writeFileSync(
    join(root, 'containers.conf'),
    '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\nnetns = "none"\n[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n',
  )
  mkdirSync(join(root, 'config'))
  writeFileSync(join(root, 'config', 'config.json'), '{}')
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: `${bin}:${process.env.PATH}`,
    DOCKER_HOST: `unix://${join(root, 'docker', 'socket')}`,
    DOCKER_CONFIG: join(root, 'config'),
    CONTAINERS_STORAGE_CONF: join(root, 'storage.conf'),
    CONTAINERS_CONF: join(root, 'containers.conf'),
    CONTAINERD_ADDRESS: join(root, 'c', 's'),
    CONTAINERD_SNAPSHOTTER: 'native',
    STREAM_LAYERED_IMAGE_CACHE: '',
  }

  test('docs/engines.md: each engine takes the image and runs it', async () => {
    const node = ['run', '-d', '-i', '--name', 'kind-control-plane', '-v', `${root}/c:/run/containerd`]
    for (const block of blocksOf('docs/engines.md')) {
      // A node of kind has containerd's socket below /run.
      if (block.join().includes('kind-control-plane')) command('docker', [...node, 'app', 'cat'], { env })
      const script = block.join('\n').replace('/run/k3s/containerd', join(root, 'c'))
      const { status, stdout, stderr } = await spawned('sh', ['-ec', `cd "${root}"\n${script}`], env)
      assert.equal(status, 0, `${script}: ${stderr}`)
      if (script.includes(' run --rm '))
        assert.ok(stdout.trimEnd().endsWith(expected), `${script}: ${stdout}`)
    }
    command('docker', ['rm', '-f', 'kind-control-plane'], { env })
    assert.equal(containerd.call('-n', 'k8s.io', 'images', 'ls', '-q'), 'docker.io/library/app:latest')
  })

  test('docs/serving.md: it serves, and clients take what it serves', async () => {
    makeCertificate(root)
    symlinkSync('ca.pem', join(root, 'cert.pem'))
    writeFileSync(join(root, 'token'), 'a-token-of-some-length')
    const plain = `${await freePort()}`
    for (const line of blocksOf('docs/serving.md').flat()) {
      // Ports of this machine may be taken.
      const port = line.includes('0.0.0.0') ? `${await freePort()}` : plain
      const here = line.replaceAll(':5000', `:${port}`)
      if (here.includes(' serve ')) {
        await startServing(here, env)
        continue
      }
      const { status, stderr } = await spawned('sh', ['-ec', `cd "${root}"\n${here}`], env)
      assert.equal(status, 0, `${here}: ${stderr}`)
    }
  })
})
