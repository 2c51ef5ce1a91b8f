/** Images of closures by the real Nix store, and what is wrong with what is asked for. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { command, Podman, skipWithout } from '../support/clients.js'
import { CLI, type ConfDocument, runOracle, runTo } from '../support/image.js'
import { LOCAL, nixBuild } from '../support/nix.js'
import { assertSameAsOracle } from '../support/same.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const skip = skipWithout('nix-store', 'nix-build', 'busybox', 'jq', 'podman', 'runc')

function cli(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8', timeout: 120_000 })
}

let count = 0

/** Plans into a new directory. @returns its conf.json */
function plan(...args: string[]): { directory: string; conf: ConfDocument & { known_layers?: string[] } } {
  const directory = join(root, `plan-${count++}`)
  const { status, stderr } = cli('plan', ...args, '-o', directory)
  assert.equal(status, 0, stderr)
  return { directory, conf: JSON.parse(readFileSync(join(directory, 'conf.json'), 'utf8')) }
}

function refused(pattern: RegExp, ...args: string[]): void {
  const { status, stderr, stdout } = cli(...args)
  assert.ok(status === 1 || status === 2, `${status}: ${stdout}`)
  assert.match(stderr, pattern)
  const own = stderr.split('\n').filter((line) => line.startsWith('stream-layered-image:'))
  assert.ok(own.length === 1 || (own.length === 2 && own[1]!.includes(': hint: ')), stderr)
}

describe('plan', { skip }, () => {
  let app: string
  let busybox: string
  let library: string

  before(() => {
    busybox = command('nix-store', ['--add', '/bin/busybox'])
    const args = ['--argstr', 'busybox', busybox, '--arg', 'withOverlay', 'false']
    app = nixBuild('images.nix', ['app'], root, args)[0]!
    library = command('nix-store', ['--query', '--references', app])
      .split('\n')
      .find((path) => path.endsWith('-library'))!
  })

  test('the whole closure, in the order of the popularity contest, and the same bytes as the script', () => {
    const { conf, directory } = plan(app, '-t', 'app:1', '--cmd', 'app', '--env', 'A=1')
    assert.deepEqual(conf.store_layers.flat().sort(), [busybox, library, app].sort())
    assert.deepEqual(conf.store_layers.at(-1), [app])
    assert.deepEqual(conf.config, { Cmd: [`${app}/bin/app`], Env: ['A=1'] })
    assert.deepEqual([conf.repo_tag, conf.store_dir], ['app:1', '/nix/store'])
    assertSameAsOracle(join(directory, 'conf.json'))
  })

  test('a link that nix-build leaves, a file in the store, a list, and a registration say the same', () => {
    const expected = plan(app, '-t', 'app:1').conf.store_layers
    const link = join(root, 'app-link')
    symlinkSync(app, link)
    const list = join(root, 'list')
    writeFileSync(list, `${app}\n`)
    const registration = join(root, 'registration')
    writeFileSync(registration, command('nix-store', ['--dump-db', busybox, library, app]))
    const noNix = spawnSync(
      process.execPath,
      [CLI, 'plan', app, '-o', join(root, 'no-nix'), '--registration', registration],
      { encoding: 'utf8', env: { PATH: '/nowhere' } },
    )
    assert.equal(noNix.status, 0, noNix.stderr)
    for (const args of [
      [link],
      [`${app}/bin/app`],
      ['--paths-from', list],
      [app, '--registration', registration],
    ])
      assert.deepEqual(plan(...args, '-t', 'app:1').conf.store_layers, expected)
    const piped = spawnSync(process.execPath, [CLI, 'plan', '--paths-from', '-', '-o', join(root, 'piped')], {
      input: `${app}\n`,
    })
    assert.equal(piped.status, 0, String(piped.stderr))
  })

  test('podman runs it: links in the root, users, /tmp for everybody', () => {
    const options = [
      '--copy-to-root',
      '--fake-nss',
      '--user',
      'nobody',
      '--env',
      'PATH=/bin',
      '--workdir',
      '/tmp',
    ]
    const shell = nixShell(root, busybox)
    const { directory } = plan(
      shell,
      app,
      '-t',
      'localhost/planned:1',
      ...options,
      '--entrypoint',
      'sh',
      '--cmd',
      '-c',
      '--cmd',
      'id -un; touch mine; stat -c %a /tmp; app | tail -1; ls -l /bin/app',
    )
    const archive = join(root, 'planned.tar')
    assert.equal(runTo(archive, process.execPath, [CLI, directory]).status, 0)
    const podman = new Podman(join(root, 'podman'))
    podman.call('load', '-i', archive)
    const lines = podman.run('localhost/planned:1').split('\n')
    assert.deepEqual(lines.slice(0, 3), ['nobody', '1777', '9000'])
    assert.match(lines[3]!, new RegExp(`/bin/app -> ${app}/bin/app$`))
  })

  test('all options of the config have the names of Docker', () => {
    const { conf } = plan(
      ...[
        app,
        '--entrypoint',
        'app',
        '--entrypoint',
        '-v',
        '--cmd',
        'x',
        '--user',
        '1000:100',
        '--label',
        'a=b=c',
      ],
      ...[
        '--expose',
        '80',
        '--expose',
        '53/udp',
        '--volume',
        '/data',
        '--stop-signal',
        'SIGINT',
        '--workdir',
        '/w',
      ],
      ...[
        '--owner',
        '1000:100:me:users',
        '--mtime',
        '2020-01-01T00:00:00Z',
        '--created',
        'now',
        '--arch',
        'arm64',
      ],
    )
    assert.deepEqual(conf.config, {
      Entrypoint: [`${app}/bin/app`, '-v'],
      Cmd: ['x'],
      WorkingDir: '/w',
      User: '1000:100',
      Labels: { a: 'b=c' },
      ExposedPorts: { '80/tcp': {}, '53/udp': {} },
      Volumes: { '/data': {} },
      StopSignal: 'SIGINT',
    })
    const { uid, gid, uname, gname, mtime, created, architecture } = conf
    assert.deepEqual(
      [uid, gid, uname, gname, mtime, created, architecture],
      ['1000', '100', 'me', 'users', '2020-01-01T00:00:00Z', 'now', 'arm64'],
    )
  })

  test('on a base, whose layers count; the customisation layer is the same each time', () => {
    const first = plan(app, '-t', 'base:1')
    const base = join(root, 'base.tar')
    assert.equal(runTo(base, process.execPath, [CLI, first.directory]).status, 0)
    const again = plan(app, '-t', 'base:1')
    for (const name of ['layer.tar', 'checksum'])
      command('cmp', [`${first.directory}/customisation/${name}`, `${again.directory}/customisation/${name}`])
    const layout = `oci:${join(root, 'base-layout')}`
    assert.equal(cli(first.directory, '-o', `${layout}:a`).status, 0)
    const below = spawnSync(
      process.execPath,
      [CLI, 'plan', app, '--from', 'oci:base-layout:a', '-o', 'on-layout'],
      {
        cwd: root,
      },
    )
    assert.equal(below.status, 0, String(below.stderr))
    const onLayout = JSON.parse(readFileSync(join(root, 'on-layout/conf.json'), 'utf8')) as ConfDocument
    assert.equal(onLayout.from_image, `${layout}:a`)
    const { conf, directory } = plan(app, '--from', base, '--max-layers', '7')
    assert.equal(conf.store_layers.length, 2)
    assertSameAsOracle(join(directory, 'conf.json'))
    refused(
      /--max-layers: expected more than 4 layers of the base, .*found 5 /,
      'plan',
      app,
      '--from',
      base,
      '--max-layers',
      '5',
      '-o',
      join(root, 'x'),
    )
  })

  test('an earlier configuration, or image by any transport, gives the layers that stay', () => {
    const first = plan(app, '--layering', 'stable', '--max-layers', '3', '-t', 'first:1')
    const layout = `oci:${join(root, 'layout')}:first`
    assert.equal(cli(first.directory, '-o', layout).status, 0)
    const archive = join(root, 'first.tar')
    assert.equal(runTo(archive, process.execPath, [CLI, first.directory]).status, 0)
    assert.equal(first.conf.store_layers.length, 2)
    for (const previous of [join(first.directory, 'conf.json'), first.directory, layout, archive])
      assert.deepEqual(plan(app, '--layering-from', previous).conf.store_layers, first.conf.store_layers)
  })

  test('certificates are linked where programs look, when a path has them', () => {
    const cacert = join(root, 'cacert')
    mkdirSync(join(cacert, 'etc/ssl/certs'), { recursive: true })
    writeFileSync(join(cacert, 'etc/ssl/certs/ca-bundle.crt'), 'certificates')
    const stored = command('nix-store', ['--add', cacert])
    const { directory } = plan(stored, '--ca-certificates')
    const listing = command('tar', ['-tvf', join(directory, 'customisation/layer.tar')])
    assert.match(listing, /etc\/ssl\/certs\/ca-certificates\.crt -> \/nix\/store\/.*ca-bundle\.crt/)
    refused(
      /--ca-certificates: expected a path with /,
      'plan',
      app,
      '--ca-certificates',
      '-o',
      join(root, 'x'),
    )
  })

  test('bad input is one line that says what to do', () => {
    const out = ['-o', join(root, 'refused')]
    refused(/expected a store path, found none .*\n.*hint: name one/, 'plan', ...out)
    refused(/cannot find \/nowhere: no such file/, 'plan', '/nowhere', ...out)
    refused(/expected a path in \/nix\/store, found \/etc/, 'plan', '/etc', ...out)
    const drv = command('nix-store', ['--query', '--deriver', app])
    refused(/found a derivation .*\n.*nix-store --realise/, 'plan', drv, ...out)
    const missing = `/nix/store/${'0'.repeat(32)}-missing`
    refused(
      /expected valid paths of the store, found .*-missing, which is not .*\n.*not built/,
      'plan',
      missing,
      ...out,
    )
    refused(
      /--cmd: expected a program of \/nix\/store\/.*-app\/bin, found no "nothing"/,
      'plan',
      app,
      '--cmd',
      'nothing',
      ...out,
    )
    for (const tag of ['Upper', 'a:b:c', 'a b', ':x', ''])
      refused(/-t: expected NAME\[:TAG\] as engines take it/, 'plan', app, '-t', tag, ...out)
    refused(/--max-layers: expected more than 0 layers .*found 1 /, 'plan', app, '--max-layers', '1', ...out)
    refused(/--env: expected NAME=VALUE, found "A"/, 'plan', app, '--env', 'A', ...out)
    refused(/--expose: expected PORT/, 'plan', app, '--expose', '70000', ...out)
    refused(/--owner: expected UID/, 'plan', app, '--owner', 'root', ...out)
    refused(/--created: expected "now" or/, 'plan', app, '--created', 'yesterday', ...out)
    refused(/--copy-to-root: cannot read the directory/, 'plan', busybox, '--copy-to-root', ...out)
    const file = join(root, 'bad-registration')
    const hash = '0'.repeat(64)
    const refused_ = (pattern: RegExp, text: string): void => {
      writeFileSync(file, text)
      refused(pattern, 'plan', app, '--registration', file, ...out)
    }
    refused_(/line 2: expected a SHA-256, found "x"/, `${app}\nx\n`)
    refused_(/line 5: expected how many references there are, found the end/, `${app}\n${hash}\n1\n`)
    refused_(/expected .*-library, which .*-app refers to/, `${app}\n${hash}\n1\n\n1\n${library}\n`)
    refused_(
      /found paths that refer to each other: .*-library/,
      `${app}\n${hash}\n1\n\n1\n${library}\n${library}\n${hash}\n1\n\n1\n${app}\n`,
    )
    refused_(
      /line 6: expected a reference, found "\/etc"/,
      `${app}\n${hash}\n1\n\n1\n/etc\n/etc\n${hash}\n1\n\n0\n`,
    )
    refused_(
      /line 1: expected a store path, found "\/nix\/store\/\.\./,
      `/nix/store/../../etc\n${hash}\n1\n\n0\n`,
    )
    refused_(
      /expected one NAR hash of .*-app, found sha256:0/,
      `${app}\n${hash}\n1\n\n0\n${app}\n${'1'.repeat(64)}\n1\n\n0\n`,
    )
    refused(/--output: expected a directory, found ""/, 'plan', app, '-o', '')
    refused(
      /registration \/dev\/zero: expected at most \d+ bytes/,
      'plan',
      app,
      '--registration',
      '/dev/zero',
      ...out,
    )
    assert.ok(!existsSync(join(root, 'refused')))
  })

  describe('layer files', () => {
    const layerOf = (name: string, ...args: string[]): string => {
      const output = join(root, name)
      const { status, stderr } = cli('layer', ...args, '-o', output)
      assert.equal(status, 0, stderr)
      return output
    }
    const change = (file: string, from: RegExp, to: string): string => {
      const text = readFileSync(file, 'utf8')
      const changed = `${file}-${count++}`
      assert.match(text, from)
      writeFileSync(changed, text.replace(from, to))
      return changed
    }

    test('a layer that is known is hashed on its way only, and an untrue one fails by name', () => {
      const file = layerOf('library.json', library)
      const conf = join(plan(app).directory, 'conf.json')
      const run = runTo(join(root, 'known.tar'), process.execPath, [CLI, conf, '--known', file])
      assert.match(run.stderr, /\nlayer files: 1 layers known\n/)
      command('cmp', [runOracle(conf).output, run.output])
      const wrong = change(file, /"diffId":"sha256:....../, '"diffId":"sha256:000000')
      refused(
        /layer of \['.*-library'\]: expected sha256:000000.* as the layer file .* says, found sha256:/,
        conf,
        '--known',
        wrong,
        '-o',
        '/dev/null',
      )
      const size = change(file, /"size":\d+/, '"size":10240')
      refused(
        /expected an archive of 10240 bytes as the layer file /,
        conf,
        '--known',
        size,
        '-o',
        '/dev/null',
      )
    })

    test('one of another store, owner, time or format is refused, one of no layer is told of', () => {
      const file = layerOf('app.json', app)
      const conf = join(plan(app).directory, 'conf.json')
      const with_ = (pattern: RegExp, known: string): void =>
        refused(pattern, conf, '--known', known, '-o', '/dev/null')
      with_(
        /expected .*-app with the NAR hash sha256:.* as the store has it, found sha256:0000/,
        change(file, /"narHash":"sha256:..../, '"narHash":"sha256:0000'),
      )
      with_(/expected the image's uid 0, found 7/, change(file, /"uid":0/, '"uid":7'))
      with_(/expected the image's mtime 1, found 5/, change(file, /"mtime":1/, '"mtime":5'))
      with_(/expected the format version 1, found 2/, change(file, /"version":1/, '"version":2'))
      with_(
        /expected a layer's fields, found diffId: a digest/,
        change(file, /"diffId":"sha256:/, '"diffId":"md5:'),
      )
      with_(/expected JSON, found something else/, change(file, /^\{/, '['))
      with_(/cannot read the layer file \/nowhere/, '/nowhere')
      with_(/expected sizes and digests of a layer/, change(file, /"size":\d+/, '"size":10241'))
      with_(
        /expected a layer's fields, found paths: expected a path/,
        change(file, /"paths":\[.*?\]/, '"paths":[]'),
      )
      refused(
        /expected a path that no other layer has, found none/,
        'layer',
        app,
        '--without',
        file,
        '-o',
        join(root, 'x'),
      )
      const other = layerOf('both.json', library, app)
      const run = runTo(join(root, 'other.tar'), process.execPath, [CLI, conf, '--known', other])
      assert.match(
        run.stderr,
        /warning: layer file .*both\.json: no layer of the image has just its paths; it is not used/,
      )
      refused(
        /found \/nix\/store\/.*-app, of layer file .*app\.json/,
        'plan',
        app,
        '--known',
        file,
        '--known',
        other,
        '-o',
        join(root, 'x'),
      )
    })

    test('a blob is sent as it is, when it is what the layer file says', () => {
      const blob = join(root, 'closure.blob')
      const file = layerOf('closure.json', app, '--closure', '--compress', 'zstd:5', '--blob', blob)
      const { directory, conf } = plan(app, '--known', file)
      assert.deepEqual([conf.store_layers.length, conf.known_layers], [1, [file]])
      const layout = join(root, 'blobs')
      const to = (name: string): string[] => ['-o', `oci:${layout}-${name}:a`, '--compress', 'zstd:5']
      assert.equal(cli(directory, ...to('good')).status, 0)
      const { blob: told } = JSON.parse(readFileSync(file, 'utf8')) as { blob: { digest: string } }
      command('cmp', [blob, `${layout}-good/blobs/sha256/${told.digest.slice(7)}`])
      // Whole and of the right size, but another archive's.
      const digest = command('sha256sum', ['-'], { input: 'x' }).slice(0, 64)
      const lie = change(file, /"digest":"sha256:[0-9a-f]+"/, `"digest":"sha256:${digest}"`)
      const lying = join(plan(app, '--known', lie).directory, 'conf.json')
      refused(/as the layer file .* says, found sha256:/, lying, ...to('bad'))
      assert.equal(cli(directory, '--verify', ...to('verified')).status, 0)
      // All of it another layer's, so that only reading the layer itself tells.
      const other = layerOf('other.json', library, '--compress', 'zstd:5', '--blob', join(root, 'other.blob'))
      const {
        diffId,
        size,
        blob: otherBlob,
      } = JSON.parse(readFileSync(other, 'utf8')) as Record<string, unknown>
      const whole = JSON.parse(readFileSync(file, 'utf8')) as object
      writeFileSync(join(root, 'lie.json'), JSON.stringify({ ...whole, diffId, size, blob: otherBlob }))
      const liar = plan(app, '--known', join(root, 'lie.json')).directory
      refused(/as the layer file .*lie\.json says, found sha256:/, liar, '--verify', ...to('liar'))
      for (const place of ['nowhere', '/dev/zero', '']) {
        const without = change(file, /"file":"[^"]*"/, `"file":"${place}"`)
        const planned = plan(app, '--known', without).directory
        refused(
          /layer file .*: expected its blob, the file .*, found no file there/,
          planned,
          ...to('no-blob'),
        )
      }
    })

    test('what the store no longer has right makes no layer file', () => {
      const registration = join(root, 'untrue')
      writeFileSync(
        registration,
        command('nix-store', ['--dump-db', library]).replace(/\n[0-9a-f]{4}/, '\n0000'),
      )
      refused(
        /-library: expected the NAR hash sha256:.*, found sha256:.*\n.*nix-store --verify-path/,
        'layer',
        library,
        '--registration',
        registration,
        '-o',
        join(root, 'no.json'),
      )
      refused(
        /expected both --compress gzip or zstd and --blob FILE, or neither, found no file/,
        'layer',
        library,
        '--compress',
        'gzip',
        '-o',
        join(root, 'no.json'),
      )
      const none = ['layer', library, '--compress', 'none', '-o', join(root, 'no.json')]
      refused(/expected both .*, found no compression/, ...none, '--blob', join(root, 'b'))
      assert.ok(!existsSync(join(root, 'no.json')))
    })
  })
})

/** A store path with busybox's programs in its bin. */
function nixShell(directory: string, busybox: string): string {
  const expression = `derivation {
    name = "shell"; system = builtins.currentSystem; builder = "/bin/sh"; PATH = "/usr/bin:/bin";
    args = [ "-c" ''mkdir -p $out/bin; for name in sh id touch stat tail ls cat; do ln -s \${builtins.storePath ${busybox}} $out/bin/$name; done'' ];
  }`
  return command('nix-build', ['-E', expression, '--out-link', join(directory, 'shell'), ...LOCAL])
}
