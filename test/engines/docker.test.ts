import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { BuildResult } from '../../src/index.js'
import { readImage } from '../support/archive.js'
import { command, DockerEngine, skipWithout } from '../support/clients.js'
import { falseCache } from '../support/false-cache.js'
import { runCli, writeConf } from '../support/image.js'
import { buildClosure, closureConf } from '../support/nix-closure.js'
import { makeCertificate } from '../support/registry.js'
import { type AsyncRun, resultOf, runAsync, startCli } from '../support/run-async.js'
import { scratchDirectory } from '../support/scratch.js'
import { settled } from '../support/settled.js'

const skip = skipWithout('dockerd', 'docker', 'nix-store', 'busybox')
const root = scratchDirectory()

/** The API of the real daemon, with some answers of the test's own. */
async function apiProxy(
  socket: string,
  answer: (incoming: IncomingMessage, response: ServerResponse) => boolean,
): Promise<string> {
  const server = createServer((incoming, response) => {
    if (answer(incoming, response)) return
    const { method, url, headers } = incoming
    const outgoing = request({ socketPath: socket, method, path: url, headers }, (found) => {
      response.writeHead(found.statusCode!, found.headers)
      found.pipe(response)
    })
    outgoing.on('error', () => response.destroy())
    incoming.pipe(outgoing)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function lastLine({ stderr }: AsyncRun): string {
  return stderr.trimEnd().split('\n').at(-1)!
}

describe('docker-daemon', { skip }, async () => {
  if (skip) return
  const closure = buildClosure(root)
  const conf = closureConf(join(root, 'app'), closure, null, 'app')
  const { imageId, image } = await readImage(runCli(conf).output)
  const expected = `hello from app\n${closure.paths.length}`
  const docker = await DockerEngine.start(join(root, 'docker'))
  const socket = join(root, 'docker', 'socket')
  const host = { DOCKER_HOST: `unix://${socket}` }
  const names = (): string[] =>
    docker
      .call('images', '--filter', 'dangling=false', '--format', '{{.Repository}}:{{.Tag}}')
      .split('\n')
      .sort()
  const clear = (): void => {
    const ids = docker
      .call('images', '-aq')
      .split('\n')
      .filter((id) => id !== '')
    if (ids.length > 0) docker.call('rmi', '-f', ...new Set(ids))
  }
  const one = (result: BuildResult) => result.destinations![0]!
  const base = runCli(conf).output
  /** The image with another layer on top. */
  const onTop = (name: string): string => {
    const directory = join(root, name)
    const path = join(directory, 'store', 'file')
    mkdirSync(join(directory, 'store'), { recursive: true })
    writeFileSync(path, `${name}\n`)
    const options = { store_dir: join(directory, 'store'), store_layers: [[path]], from_image: base }
    const { config } = JSON.parse(readFileSync(conf, 'utf8')) as { config: object }
    return writeConf(directory, { ...options, config, repo_tag: 'top:latest' })
  }

  test('the engine takes what it lacks, the image has its name and no other, the last line runs it', async () => {
    const first = await runAsync([conf, '-o', 'docker-daemon:'], host)
    const result = resultOf(first)
    assert.equal(result.imageId, imageId)
    assert.equal(one(result).taken!.layers, image.rootfs.diff_ids.length)
    assert.equal(one(result).present!.layers, 0)
    assert.deepEqual(names(), ['app:latest'])
    const [found] = JSON.parse(docker.call('inspect', 'app')) as {
      Id: string
      RootFS: { Layers: string[] }
    }[]
    assert.equal(found!.Id, imageId)
    assert.deepEqual(found!.RootFS.Layers, image.rootfs.diff_ids)
    assert.match(first.stderr, /^Layer 1: taken, \d+ k?B, \S/m)
    assert.match(first.stderr, /^Layer 1: unpacked, /m)
    assert.equal(lastLine(first), 'docker run --rm app:latest')
    assert.equal(docker.run('app:latest'), expected)

    const again = await runAsync([conf, '-o', 'docker-daemon:team/other:2'], host)
    assert.equal(one(resultOf(again)).taken!.layers, 0)
    assert.match(again.stderr, /^docker-daemon:team\/other:2: 7 layers, 7 there already, 0 taken \(0 B\)$/m)
    assert.deepEqual(names(), ['app:latest', 'team/other:2'])
    assert.equal(lastLine(again), 'docker run --rm team/other:2')
  })

  test('of an image that has another layer on top, only that is taken', async () => {
    resultOf(await runAsync([conf, '-o', 'docker-daemon:'], host))
    const run = await runAsync([onTop('top'), '-o', 'docker-daemon:'], host)
    const { taken, present } = one(resultOf(run))
    assert.deepEqual([taken!.layers, present!.layers], [2, 7])
    assert.equal(taken!.bytes, 10240 * 2)
  })

  test('an image that it has is only named, and of one like that of its name the upper layers are sent', async () => {
    clear()
    const asked: string[] = []
    let refuses = false
    const DOCKER_HOST = await apiProxy(socket, ({ url }, response) => {
      const [, verb] = /^\/images\/(create|load)/.exec(url!) ?? []
      if (verb !== undefined) asked.push(verb)
      if (verb !== 'load' || !refuses) return false
      response.writeHead(500).end(JSON.stringify({ message: 'no archives today' }))
      return true
    })
    const asks = async (from: string, name: string): Promise<BuildResult> => {
      asked.length = 0
      return resultOf(await runAsync([from, '-o', `docker-daemon:${name}`], { DOCKER_HOST }))
    }
    await asks(conf, 'app')
    assert.deepEqual(asked, ['create'])
    assert.equal(one(await asks(conf, 'twice')).taken!.layers, 0)
    assert.deepEqual(asked, [])
    const sent = await asks(onTop('sent'), 'app')
    assert.deepEqual(asked, ['load'])
    assert.deepEqual([one(sent).taken!.layers, one(sent).present!.layers], [2, 7])
    const [found] = JSON.parse(docker.call('inspect', 'app')) as { Id: string }[]
    assert.equal(found!.Id, sent.imageId)
    assert.equal(docker.run('app'), expected)
    assert.deepEqual(names(), ['app:latest', 'twice:latest'])
    refuses = true
    const pulled = await asks(onTop('pulled'), 'app')
    assert.deepEqual(asked, ['load', 'create'])
    assert.deepEqual([one(pulled).taken!.layers, one(pulled).present!.layers], [2, 7])
    assert.deepEqual(names(), ['app:latest', 'twice:latest'])
  })

  test('a digest that the cache has wrong is the error, and dropped: the next build has the image', async () => {
    clear()
    const store = join(root, 'stale', 'store')
    mkdirSync(store, { recursive: true })
    writeFileSync(join(store, 'file'), 'stale\n')
    const paths = [join(store, 'file')]
    const stale = writeConf(join(root, 'stale'), { store_dir: store, store_layers: [paths] })
    await settled(...paths)
    const cache = await falseCache(join(root, 'false-cache'), paths)
    const failed = await runAsync([stale, '-o', 'docker-daemon:stale', '--cache', cache], host)
    assert.equal(failed.status, 1)
    assert.match(
      failed.stderr,
      /expected sha256:0+ as the cache remembers it, found sha256:.*\[CACHE_STALE\]/,
    )
    assert.deepEqual(docker.ids(), [''])
    resultOf(await runAsync([stale, '-o', 'docker-daemon:stale', '--cache', cache], host))
    assert.deepEqual(names(), ['stale:latest'])
  })

  test('a daemon that cannot connect to this machine is sent an archive, without what it has', async () => {
    clear()
    const refuse = (incoming: IncomingMessage, response: ServerResponse): boolean => {
      if (!incoming.url!.startsWith('/images/create')) return false
      const [, address] = /fromImage=(.*?)%2F/.exec(incoming.url!)!
      const from = decodeURIComponent(address!)
      const message = `Get "http://${from}/v2/": dial tcp ${from}: connect: connection refused`
      response.end(`${JSON.stringify({ errorDetail: { message }, error: message })}\r\n`)
      return true
    }
    const DOCKER_HOST = await apiProxy(socket, refuse)
    const first = await runAsync([conf, '-o', 'docker-daemon:'], { DOCKER_HOST })
    assert.equal(one(resultOf(first)).taken!.layers, 7)
    assert.match(
      first.stderr,
      /warning: docker-daemon:: this machine cannot be reached from there: all layers are sent in an archive/,
    )
    assert.deepEqual(docker.ids(), [imageId])
    const again = await runAsync([onTop('elsewhere'), '-o', 'docker-daemon:again'], { DOCKER_HOST })
    assert.deepEqual(one(resultOf(again)).present!.layers, 7)
    assert.match(again.stderr, /all but 7 layers, which it has, are sent in an archive/)
    assert.deepEqual(names(), ['again:latest', 'app:latest'])
    assert.equal(docker.run('again'), expected)
  })

  test('over ssh the archive is sent at once', async () => {
    clear()
    const bin = join(root, 'bin')
    mkdirSync(bin)
    writeFileSync(
      join(bin, 'ssh'),
      `#!/bin/sh\necho "$@" >> ${root}/ssh.log\nwhile [ "$1" != -- ]; do shift; done\nshift 2\nDOCKER_HOST=unix://${socket} exec "$@"\n`,
    )
    chmodSync(join(bin, 'ssh'), 0o755)
    const env = { DOCKER_HOST: 'ssh://me@build.example:2222', PATH: `${bin}:${process.env.PATH}` }
    const first = await runAsync([conf, '-o', 'docker-daemon:'], env)
    assert.equal(one(resultOf(first)).taken!.layers, 7)
    assert.match(first.stderr, /cannot be reached from there: all layers are sent in an archive/)
    assert.equal(docker.run('app'), expected)
    const [line] = readFileSync(join(root, 'ssh.log'), 'utf8').split('\n')
    assert.equal(line, '-l me -p 2222 -T -o ConnectTimeout=30 -- build.example docker system dial-stdio')
    writeFileSync(
      join(bin, 'ssh'),
      '#!/bin/sh\necho "me@build.example: Permission denied (publickey)." >&2\nexit 255\n',
    )
    const denied = await runAsync([conf, '-o', 'docker-daemon:'], env)
    assert.match(
      denied.stderr,
      /error: docker-daemon: no answer at ssh:\/\/build\.example: me@build\.example: Permission denied \(publickey\)\. \[ENGINE_FAILED\]/,
    )
  })

  test('the daemon of a context is asked, with its certificates', {
    skip: skipWithout('openssl'),
  }, async () => {
    clear()
    const config = join(root, 'docker-config')
    const cli = (...args: string[]): string => command('docker', ['--config', config, ...args])
    cli('context', 'create', 'plain', '--docker', `host=unix://${socket}`)
    resultOf(
      await runAsync([conf, '-o', 'docker-daemon:'], { DOCKER_CONFIG: config, DOCKER_CONTEXT: 'plain' }),
    )
    assert.deepEqual(names(), ['app:latest'])

    makeCertificate(join(root, 'tls'))
    const tls = ['ca.pem', 'ca.pem', 'key.pem'].map((name) => join(root, 'tls', name))
    const [ca, cert, key] = tls
    const files = { ca: readFileSync(ca!), cert: readFileSync(cert!), key: readFileSync(key!) }
    let authorized = 0
    const server = createSecureServer({ ...files, requestCert: true }, (incoming, response) => {
      authorized++
      const { method, url, headers } = incoming
      const outgoing = request({ socketPath: socket, method, path: url, headers }, (found) => {
        response.writeHead(found.statusCode!, found.headers)
        found.pipe(response)
      })
      incoming.pipe(outgoing)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    after(() => server.close())
    const { port } = server.address() as AddressInfo
    const endpoint = `host=tcp://127.0.0.1:${port},ca=${ca},cert=${cert},key=${key}`
    cli('context', 'create', 'secure', '--docker', endpoint)
    cli('context', 'use', 'secure')
    resultOf(await runAsync([conf, '-o', 'docker-daemon:secure'], { DOCKER_CONFIG: config }))
    assert.deepEqual(names(), ['app:latest', 'secure:latest'])
    const DOCKER_HOST = `tcp://127.0.0.1:${port}`
    const certs = join(root, 'certs')
    mkdirSync(certs)
    for (const [i, name] of ['ca.pem', 'cert.pem', 'key.pem'].entries())
      writeFileSync(join(certs, name), readFileSync(tls[i]!))
    const env = { DOCKER_HOST, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: certs }
    const before = authorized
    resultOf(await runAsync([conf, '-o', 'docker-daemon:by-env'], env))
    assert.ok(authorized > before)
    const without = await runAsync([conf, '-o', 'docker-daemon:by-env'], { ...env, DOCKER_CERT_PATH: root })
    assert.equal(without.status, 1)
    assert.match(without.stderr, /error: docker-daemon: no answer at tcp:\/\/127\.0\.0\.1:\d+: /)
  })

  test('a store file that changes while the engine takes it is the error, and there is no image', async () => {
    clear()
    const store = join(root, 'changing', 'store')
    mkdirSync(store, { recursive: true })
    writeFileSync(join(store, 'file'), 'one')
    const options = { store_dir: store, store_layers: [[join(store, 'file')]] }
    const changing = writeConf(join(root, 'changing'), options)
    // The daemon asks for the image when every digest is known.
    const DOCKER_HOST = await apiProxy(socket, ({ url }) => {
      if (url!.startsWith('/images/create')) writeFileSync(join(store, 'file'), 'another')
      return false
    })
    const { status, stderr } = await runAsync([changing, '-o', 'docker-daemon:'], { DOCKER_HOST })
    assert.equal(status, 1)
    assert.match(stderr, /error: '.*store\/file' changed while the image was built: .*\[FILE_CHANGED\]/)
    assert.deepEqual(docker.ids(), [''])
  })

  test('what the daemon fails with is said in one line, whenever it fails', async () => {
    const full = 'failed to register layer: Error processing tar file: write /x: no space left on device'
    const stream = `${JSON.stringify({ status: 'Pulling' })}\r\n${JSON.stringify({ errorDetail: { message: full }, error: full })}\r\n`
    const cases: [(response: ServerResponse) => void, RegExp][] = [
      [(response) => response.end(stream), /no space left on device \[ENGINE_FAILED\]\n.*hint: make room/],
      [
        (response) => response.writeHead(500).end(JSON.stringify({ message: 'it is broken' })),
        /docker-daemon: it is broken/,
      ],
      [(response) => response.writeHead(502).end('<html>'), /the daemon answered 502/],
      [
        (response) => {
          response.write('{"status"')
          setImmediate(() => response.destroy())
        },
        /docker-daemon: the answer broke off \[ENGINE_FAILED\]/,
      ],
    ]
    for (const [act, message] of cases) {
      const DOCKER_HOST = await apiProxy(socket, ({ url }, response) => {
        if (!url!.startsWith('/images/create')) return false
        act(response)
        return true
      })
      const { status, stderr } = await runAsync([conf, '-o', 'docker-daemon:failing'], { DOCKER_HOST })
      assert.equal(status, 1)
      assert.match(stderr, message)
      assert.ok(!names().includes('failing:latest'))
    }
  })

  test('a daemon that is not there, and names that are none', async () => {
    const cases: [string, NodeJS.ProcessEnv, RegExp, number][] = [
      [
        'docker-daemon:',
        { DOCKER_HOST: `unix://${root}/none` },
        /docker-daemon: no answer at unix:\/\/.*\/none: no such file.*\n.*hint: start it, or name another with DOCKER_HOST/,
        1,
      ],
      [
        'docker-daemon:',
        { DOCKER_HOST: 'tcp://127.0.0.1:1' },
        /no answer at tcp:\/\/127\.0\.0\.1:1: connection refused/,
        1,
      ],
      [
        'docker-daemon:',
        { DOCKER_HOST: 'npipe:////./pipe/x' },
        /DOCKER_HOST: expected unix:\/\/\/PATH, tcp:\/\/HOST:PORT or ssh/,
        1,
      ],
      ['docker-daemon:', { DOCKER_HOST: 'ssh://-oProxyCommand=x' }, /DOCKER_HOST: expected unix/, 1],
      [
        'docker-daemon:',
        { DOCKER_HOST: '', DOCKER_CONTEXT: 'nobody', DOCKER_CONFIG: root },
        /Docker context "nobody": expected .*meta\.json, found none/,
        1,
      ],
      ['docker-daemon:App', host, /"App" is no name of an image/, 2],
      [`docker-daemon:app@sha256:${'0'.repeat(64)}`, host, /is no name of an image/, 2],
    ]
    for (const [destination, env, message, expectedStatus] of cases) {
      const { status, stderr } = await runAsync([conf, '-o', destination], env)
      assert.match(stderr, message)
      assert.equal(status, expectedStatus, stderr)
    }
    const unnamed = join(root, 'unnamed')
    resultOf(await runAsync([conf, '-o', `oci:${unnamed}`]))
    const { status, stderr } = await runAsync(['copy', `oci:${unnamed}`, '-o', 'docker-daemon:'], host)
    assert.equal(status, 2, stderr)
    assert.match(stderr, /docker-daemon:: expected a name, found ""/)
  })

  test('what is stopped or fails elsewhere leaves no name behind', async () => {
    clear()
    let pulled: (() => void) | undefined
    const DOCKER_HOST = await apiProxy(socket, ({ url }) => {
      if (url!.startsWith('/images/create')) pulled?.()
      return false
    })
    const pulling = new Promise<void>((resolve) => {
      pulled = resolve
    })
    const { child, ended } = startCli([conf, '-o', 'docker-daemon:'], { DOCKER_HOST })
    await pulling
    child.kill('SIGINT')
    assert.equal((await ended).status, 130)
    // The other destination fails when this one has the image.
    const failing = await runAsync([conf, '-o', 'docker-daemon:', '-o', '/dev/full'], host)
    assert.equal(failing.status, 1, failing.stderr)
    assert.deepEqual(docker.ids(), [''])
  })

  test('--compress sends layers compressed; the image is the same', async () => {
    clear()
    const result = resultOf(await runAsync([conf, '-o', 'docker-daemon:', '--compress', 'gzip:1'], host))
    assert.equal(result.imageId, imageId)
    assert.ok(one(result).taken!.bytes < 2_000_000)
    assert.deepEqual(docker.ids(), [imageId])
  })

  test('several engines and files in one run', async () => {
    clear()
    const file = join(root, 'beside.tar')
    const result = resultOf(
      await runAsync([conf, '-o', 'docker-daemon:', '-o', file, '-o', 'docker-daemon:two'], host),
    )
    assert.deepEqual(
      result.destinations!.map(({ taken }) => taken?.layers),
      [7, undefined, 0],
    )
    assert.equal((await readImage(file)).imageId, imageId)
    assert.deepEqual(names(), ['app:latest', 'two:latest'])
  })
})
