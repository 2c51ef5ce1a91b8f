/** Engines that are spoken to by programs: podman, buildah, skopeo, ctr. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { readImage } from '../support/archive.js'
import { Containerd, command, Podman, skipWithout } from '../support/clients.js'
import { runCli } from '../support/image.js'
import { buildClosure, closureConf } from '../support/nix-closure.js'
import { type AsyncRun, resultOf, runAsync, startCli } from '../support/run-async.js'
import { scratchDirectory } from '../support/scratch.js'

const skip = skipWithout('nix-store', 'busybox')
const root = scratchDirectory()

/** A PATH of just these programs. */
function pathOf(name: string, ...programs: string[]): string {
  const directory = join(root, 'bin', name)
  mkdirSync(directory, { recursive: true })
  for (const program of programs)
    symlinkSync(command('sh', ['-c', `command -v ${program}`]), join(directory, program))
  return directory
}

/** A program of the test's own in front of the PATH. */
function pathWith(name: string, program: string, script: string): string {
  const directory = join(root, 'bin', name)
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, program), `#!/bin/sh\n${script}\n`)
  chmodSync(join(directory, program), 0o755)
  return `${directory}:${process.env.PATH}`
}

function lastLine({ stderr }: AsyncRun): string {
  return stderr.trimEnd().split('\n').at(-1)!
}

describe('engines with programs of their own', { skip }, async () => {
  if (skip) return
  const closure = buildClosure(root)
  const conf = closureConf(join(root, 'app'), closure, null, 'app')
  const { imageId, image } = await readImage(runCli(conf).output)
  const expected = `hello from app\n${closure.paths.length}`

  test('containers-storage: by podman, buildah or skopeo, whichever there is; each finds what the others took', {
    skip: skipWithout('podman', 'buildah', 'skopeo', 'runc'),
  }, async () => {
    const podman = new Podman(join(root, 'storage'))
    const { env } = podman
    const first = await runAsync([conf, '-o', 'containers-storage:'], env)
    const { destinations, imageId: found } = resultOf(first)
    assert.equal(found, imageId)
    assert.deepEqual(destinations![0]!.taken!.layers, 7)
    assert.equal(lastLine(first), 'podman run --rm docker.io/library/app:latest')
    assert.deepEqual(podman.ids(), [imageId])
    const names = (): string[] =>
      // podman lists an image once for each of its names.
      [
        ...new Set(
          (JSON.parse(podman.call('images', '--format', 'json')) as { Names: string[] }[]).flatMap(
            ({ Names }) => Names,
          ),
        ),
      ].sort()
    assert.deepEqual(names(), ['docker.io/library/app:latest'])
    const [inspected] = JSON.parse(podman.call('inspect', 'app')) as { RootFS: { Layers: string[] } }[]
    assert.deepEqual(inspected!.RootFS.Layers, image.rootfs.diff_ids)
    // As the last line says, with the options of the tests.
    assert.equal(podman.run('docker.io/library/app:latest'), expected)
    assert.equal(podman.run('app'), expected)

    for (const program of ['podman', 'buildah', 'skopeo']) {
      const PATH = pathOf(program, program, ...(program === 'podman' ? ['runc', 'conmon'] : []))
      const run = await runAsync([conf, '-o', `containers-storage:by/${program}:1`], { ...env, PATH })
      const { taken, present } = resultOf(run).destinations![0]!
      assert.deepEqual([taken!.layers, present!.layers], [0, 7], program)
    }
    assert.deepEqual(names(), [
      'docker.io/by/buildah:1',
      'docker.io/by/podman:1',
      'docker.io/by/skopeo:1',
      'docker.io/library/app:latest',
    ])
    const none = await runAsync([conf, '-o', 'containers-storage:'], { ...env, PATH: join(root, 'bin') })
    assert.match(
      none.stderr,
      /error: containers-storage: expected podman or buildah or skopeo on PATH, found none \[ENGINE_FAILED\]/,
    )
  })

  test('what a program fails with is said in one line', async () => {
    const cases: [string, RegExp][] = [
      [
        'echo "Trying to pull x..." >&2; echo "Error: writing blob: adding layer: write /x: no space left on device" >&2; exit 125',
        /error: containers-storage: podman: writing blob: .*no space left on device \[ENGINE_FAILED\]\n.*hint: make room/,
      ],
      [
        `echo 'time="2026-01-01T00:00:00Z" level=fatal msg="open /etc/containers/policy.json: no such file or directory"' >&2; exit 1`,
        /podman: open \/etc\/containers\/policy\.json: no such file or directory \[ENGINE_FAILED\]\n.*hint: containers-policy/,
      ],
      ['exit 3', /podman: podman ended with 3 \[ENGINE_FAILED\]/],
      ['kill -9 $$', /podman: podman ended with SIGKILL \[ENGINE_FAILED\]/],
      [
        'yes "a long line of much output" | head -c 20000000 >&2; exit 1',
        /podman: a long line .*\[ENGINE_FAILED\]\n$/,
      ],
    ]
    for (const [i, [script, message]] of cases.entries()) {
      const PATH = pathWith(`failing-${i}`, 'podman', script)
      const { status, stderr } = await runAsync([conf, '-o', 'containers-storage:'], { PATH })
      assert.equal(status, 1)
      assert.match(stderr, message)
    }
  })

  test('a build that is stopped ends the program and what it started', async () => {
    const pids = join(root, 'pids')
    const script = `trap '' TERM\nsh -c 'trap "" TERM; sleep 1000' &\necho "$$ $!" > ${pids}.new\nmv ${pids}.new ${pids}\nwait\nwait`
    const PATH = pathWith('hanging', 'podman', script)
    const { child, ended } = startCli([conf, '-o', 'containers-storage:'], { PATH })
    while (!existsSync(pids)) await new Promise((resolve) => setImmediate(resolve))
    child.kill('SIGINT')
    assert.equal((await ended).status, 130)
    // One that has ended may still be on the list, without a command.
    for (const pid of readFileSync(pids, 'utf8').trim().split(' '))
      assert.equal(existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/cmdline`, 'utf8') : '', '')
  })

  test('containerd: by ctr, in the namespace that is asked for', {
    skip: skipWithout('containerd', 'ctr', 'runc'),
  }, async () => {
    const containerd = await Containerd.start(join(root, 'containerd'))
    const env = { CONTAINERD_ADDRESS: join(root, 'containerd', 's'), CONTAINERD_SNAPSHOTTER: 'native' }
    const first = await runAsync([conf, '-o', 'containerd:'], env)
    const result = resultOf(first)
    assert.equal(result.imageId, imageId)
    assert.equal(result.destinations![0]!.taken!.layers, 7)
    assert.deepEqual(containerd.call('images', 'ls', '-q'), 'docker.io/library/app:latest')
    assert.equal(lastLine(first), 'ctr run --rm docker.io/library/app:latest app')
    const [program, ...args] = lastLine(first).split(' ')
    assert.equal(command(program!, args, { env: { ...process.env, ...env } }), expected)
    const again = await runAsync([conf, '-o', 'containerd:registry.example/team/app:2'], env)
    assert.equal(resultOf(again).destinations![0]!.taken!.layers, 0)
    const other = await runAsync([conf, '-o', 'containerd:'], { ...env, CONTAINERD_NAMESPACE: 'k8s.io' })
    assert.equal(resultOf(other).imageId, imageId)
    assert.equal(containerd.call('-n', 'k8s.io', 'images', 'ls', '-q'), 'docker.io/library/app:latest')
    assert.deepEqual(containerd.call('images', 'ls', '-q').split('\n'), [
      'docker.io/library/app:latest',
      'registry.example/team/app:2',
    ])
    const config = containerd.call('content', 'get', imageId)
    assert.deepEqual((JSON.parse(config) as typeof image).rootfs, image.rootfs)
  })

  test('containerd that is not there is said at once', { skip: skipWithout('ctr') }, async () => {
    const env = { CONTAINERD_ADDRESS: join(root, 'none') }
    const { status, stderr } = await runAsync([conf, '-o', 'containerd:'], env)
    assert.equal(status, 1)
    assert.match(
      stderr,
      /error: containerd: no answer at \/.*\/none: no such file or directory \(ENOENT\) \[ENGINE_FAILED\]/,
    )
    assert.match(stderr, /hint: start it, or name another with CONTAINERD_ADDRESS/)
  })

  test('newer ctr is told to pull itself, and nerdctl is asked in its own words', {
    skip: skipWithout('containerd', 'curl'),
  }, async () => {
    await Containerd.start(join(root, 'containerd-2'))
    const CONTAINERD_ADDRESS = join(root, 'containerd-2', 's')
    const log = join(root, 'calls')
    // It asks for the manifest, as the real one would first.
    const script = `echo "$(basename "$0") $*" >> ${log}
case "$*" in *--help) echo '   --local   fetch from here';; *pull*) for last; do :; done; curl -sf -o /dev/null "http://$\{last%%/*}/v2/";; esac`
    for (const program of ['ctr', 'nerdctl']) {
      const PATH = pathWith(`calls-${program}`, program, script.replace('$\\{', '${'))
      const only =
        program === 'ctr'
          ? PATH
          : `${join(root, 'bin', `calls-${program}`)}:${pathOf('few', 'sh', 'curl', 'basename')}`
      resultOf(await runAsync([conf, '-o', 'containerd:app:1'], { CONTAINERD_ADDRESS, PATH: only }))
    }
    const calls = readFileSync(log, 'utf8').replaceAll(/127\.0\.0\.1:\d+\/[0-9a-f]{32}\/image:1/g, 'REF')
    assert.deepEqual(calls.trim().split('\n'), [
      'ctr images pull --help',
      'ctr images pull --plain-http --local REF',
      'ctr images tag --force REF docker.io/library/app:1',
      'ctr images rm REF',
      'nerdctl pull --quiet --insecure-registry REF',
      'nerdctl tag REF docker.io/library/app:1',
      'nerdctl rmi REF',
    ])
  })

  test('podman is given an image that goes nowhere else under its name; where that is refused, as any other', {
    skip: skipWithout('curl'),
  }, async () => {
    const log = join(root, 'podman-calls')
    const script = (named: string): string =>
      `echo "$*" >> ${log}
case "$*" in
  *inspect*) exit 125;;
  *pull*docker.io*) echo "$(cat "$CONTAINERS_REGISTRIES_CONF")" >> ${log}; ${named};;
  *pull*) for last; do :; done; curl -sf -o /dev/null "http://$\{last%%/*}/v2/";;
esac`
    const calls = async (named: string, ...others: string[]): Promise<string[]> => {
      writeFileSync(log, '')
      const PATH = pathWith('calls-podman', 'podman', script(named))
      resultOf(await runAsync([conf, '-o', 'containers-storage:app:1', ...others], { PATH }))
      const text = readFileSync(log, 'utf8').replaceAll(/127\.0\.0\.1:\d+\/[0-9a-f]{32}\/image/g, 'REF')
      return text.trim().split('\n')
    }
    const look = 'image inspect --format {{.Id}} docker.io/library/app:1'
    const direct = [
      look,
      'pull --quiet docker.io/library/app:1',
      ...['[[registry]]', 'prefix = "docker.io/library/app"', 'location = "REF"', 'insecure = true'],
    ]
    const twoSteps = [
      'pull --quiet --tls-verify=false REF:1',
      'tag REF:1 docker.io/library/app:1',
      'untag REF:1 REF:1',
    ]
    assert.deepEqual(await calls('true'), direct)
    assert.deepEqual(await calls('echo "signature required" >&2; exit 125'), [...direct, ...twoSteps])
    const other = ['-o', `oci:${join(root, 'beside')}`]
    assert.deepEqual(await calls('true', ...other), [look, ...twoSteps])
  })
})
