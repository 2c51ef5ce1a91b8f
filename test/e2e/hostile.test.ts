/** Broken and hostile input: a correct image or one clear error, never a hang, a crash or much memory. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { ImageError } from '../../src/errors.js'
import { parseConf } from '../../src/spec/conf.js'
import { documents, makeTar, noise, type TarMember } from '../support/base.js'
import { command } from '../support/clients.js'
import { CLI, runCli, runOracle, writeConf } from '../support/image.js'
import { type MeasuredRun, runMeasured } from '../support/measured.js'
import { mutate, repairChecksums } from '../support/mutate.js'
import { skipWithoutPython } from '../support/python.js'
import { readBase } from '../support/read-base.js'
import { assertSameAsOracle } from '../support/same.js'
import { directoriesIn, scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const directory = directoriesIn(root)

/** The one line that the command fails with. */
function failureOf(conf: string, run: Pick<MeasuredRun, 'status' | 'stderr'> = runCli(conf)): string {
  assert.equal(run.status, 1, run.stderr)
  assert.doesNotMatch(run.stderr, /\n {4}at /)
  return run.stderr.split('\n').find((line) => line.includes('error:')) ?? run.stderr
}

/** What reading the base fails with, as the command has it of any image: its start takes longer than all else here. */
async function refusalOf(base: string): Promise<string> {
  const found = await readBase(base)
  assert.ok('refusal' in found, base)
  return found.refusal
}

function refusalOfMembers(members: TarMember[]): Promise<string> {
  return refusalOf(makeTar(join(directory(), 'base.tar'), members))
}

const layers: TarMember[] = [
  { name: 'one/layer.tar', data: noise(3000, 1) },
  { name: 'two/layer.tar', data: noise(70_000, 2) },
]

describe('configurations', () => {
  test('20 MB, deep nesting, duplicate keys', () => {
    const path = directory()
    const conf = writeConf(path, {
      config: {
        Labels: Object.fromEntries(Array.from({ length: 220_000 }, (_, i) => [`key-${i}`, 'x'.repeat(80)])),
      },
    })
    assert.ok(readFileSync(conf).length > 20e6)
    if (!skipWithoutPython) command('cmp', [runOracle(conf).output, runCli(conf).output])
    const deep = readFileSync(writeConf(path, {}), 'utf8').replace(
      '"config":{}',
      `"config":${'{"a":'.repeat(2000)}1${'}'.repeat(2000)}`,
    )
    writeFileSync(conf, deep)
    assert.match(failureOf(conf), /line 1, column \d+: expected at most 990 levels of nesting/)
    writeFileSync(
      conf,
      readFileSync(writeConf(path, {}), 'utf8').replace('{', '{"uid": "nobody", "uid": [],'),
    )
    assert.equal(runCli(conf).status, 0)
  })

  test('a path that only shares the characters of store_dir, and one with ..: as the script takes them', {
    skip: skipWithoutPython,
  }, () => {
    const path = directory()
    mkdirSync(join(path, 'storeroom'))
    mkdirSync(join(path, 'store'))
    writeFileSync(join(path, 'storeroom', 'x'), 'x')
    assertSameAsOracle(
      writeConf(path, {
        store_dir: join(path, 'store'),
        store_layers: [[join(path, 'storeroom'), `${path}/store/../storeroom/x`]],
      }),
    )
  })

  test('a path with a byte that is not UTF-8, or that no file name can hold', {
    skip: skipWithoutPython,
  }, () => {
    const path = directory()
    writeFileSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from([0xff])]), 'x')
    assertSameAsOracle(writeConf(path, { store_layers: [[`${path}/\udcff`]] }))
    assert.match(
      failureOf(writeConf(path, { store_layers: [[`${path}/\ud800`]] })),
      /lone surrogate U\+D800.* \[CONF_INVALID\]$/,
    )
  })

  test('500 mutations: a configuration or CONF_INVALID', () => {
    const valid = readFileSync(
      writeConf(directory(), {
        store_layers: [['/nix/store/a', '/nix/store/b']],
        config: { Env: ['A=1'], n: [1, 2.5, null] },
      }),
    )
    let accepted = 0
    for (let seed = 0; seed < 500; seed++) {
      try {
        parseConf(mutate(valid, seed).toString('utf8'), 'conf.json')
        accepted++
      } catch (error) {
        assert.ok(error instanceof ImageError && error.code === 'CONF_INVALID', `${seed}: ${error}`)
        assert.doesNotMatch(error.message, /\n/)
      }
    }
    assert.ok(accepted > 10 && accepted < 400, `${accepted}`)
  })
})

describe('base images', { skip: skipWithoutPython }, () => {
  test('layers that are missing, absolute, directories, devices or loops', async () => {
    const missing = documents({ layers: [{ name: 'three/layer.tar' }] })
    assert.match(
      await refusalOfMembers([...layers, ...missing]),
      /base.tar: expected the layer "three\/layer.tar" .*found no such member \[IMAGE_INVALID\]/,
    )
    assert.match(
      await refusalOfMembers([...layers, ...documents({ layers: [{ name: '/etc/passwd' }] })]),
      /expected the layer "\/etc\/passwd"/,
    )
    const kinds: [string, string, RegExp][] = [
      ['5', '', /expected a file, found type "5"/],
      ['3', '', /found type "3"/],
      ['6', '', /found type "6"/],
      ['2', 'x.tar', /found a loop of links/],
      ['2', 'nowhere', /expected its link target "nowhere"/],
      ['2', '../../etc/passwd', /expected its link target/],
    ]
    for (const [type, linkname, message] of kinds) {
      const member: TarMember = { name: 'x.tar', type, linkname }
      assert.match(await refusalOfMembers([member, ...documents({ layers: [member] })]), message)
    }
    const ring: TarMember[] = [
      { name: 'a', type: '2', linkname: 'b' },
      { name: 'b', type: '2', linkname: 'a' },
    ]
    assert.match(await refusalOfMembers([...ring, ...documents({ layers: ring })]), /loop of links/)
  })

  test('diff_ids fewer or more than layers', async () => {
    for (const diffIds of [[], ['sha256:1'], ['1', '2', '3']]) {
      assert.match(
        await refusalOfMembers([...layers, ...documents({ layers, diffIds })]),
        /expected a diff ID for each layer, found \d diff_ids for 2 layers/,
      )
    }
  })

  test('documents that are missing or no JSON', async () => {
    assert.match(await refusalOfMembers(layers), /expected a member "manifest.json", found none/)
    for (const data of [
      '{}',
      '[]',
      '[{}]',
      '[{"Config": 1}]',
      '[nonsense',
      '[{"Config": "x", "Layers": [7]}]',
      '\xff',
    ]) {
      assert.match(
        await refusalOfMembers([{ name: 'manifest.json', data }]),
        /base.tar: manifest.json: .*\[IMAGE_INVALID\]$/,
        data,
      )
    }
  })

  test('a GNU sparse layer', async () => {
    const sparse: TarMember = {
      name: 'a.tar',
      data: 'x'.repeat(512),
      pax: { 'GNU.sparse.major': '1', 'GNU.sparse.realsize': '1000' },
    }
    assert.match(await refusalOfMembers([sparse, ...documents({ layers: [sparse] })]), /\[IMAGE_INVALID\]$/)
  })

  test('no tar at all, an empty file, a directory, a missing one', async () => {
    const path = directory()
    for (const content of ['', 'nonsense', 'x'.repeat(5000), '\0'.repeat(2048)]) {
      const base = join(path, 'base.tar')
      writeFileSync(base, content)
      assert.match(await refusalOf(base), /base.tar: expected .*\[IMAGE_INVALID\]$/)
    }
    assert.match(await refusalOf(path), /\[IMAGE_INVALID\]$/)
    assert.match(
      failureOf(writeConf(path, { from_image: join(path, 'none') })),
      /base image .*none: cannot be read: no such file or directory \(ENOENT\) \[BASE_INVALID\]$/,
    )
  })

  test('cut off anywhere, plain and compressed', async () => {
    const path = directory()
    for (const compression of ['none', 'gz', 'bz2', 'xz'] as const) {
      const base = makeTar(join(path, `base.${compression}`), [...layers, ...documents({ layers })], {
        compression,
      })
      const bytes = readFileSync(base)
      for (const part of [0.001, 0.3, 0.6, 0.93]) {
        writeFileSync(base, bytes.subarray(0, Math.floor(bytes.length * part)))
        assert.match(await refusalOf(base), /\[(IMAGE_INVALID|FILE_CHANGED)\]$/, `${compression} ${part}`)
      }
      const refusal = await refusalOf(base)
      assert.equal(
        failureOf(writeConf(path, { from_image: base })),
        `stream-layered-image: error: base image ${refusal.replace('IMAGE_INVALID', 'BASE_INVALID')}`,
      )
    }
  })

  test('bombs: gigabytes of zeros in gzip, xz, zstd and bzip2, and pax headers of a gigabyte', () => {
    const path = directory()
    // Each stream is larger than what the command may take, and there are several.
    for (const [name, size, streams, ...command] of [
      ['gz', '512M', 4, 'gzip', '-1'],
      ['zst', '512M', 4, 'zstd', '-q'],
      ['xz', '512M', 4, 'xz', '-0'],
      // Its decoder is slower.
      ['bz2', '300M', 1, 'bzip2', '-9'],
    ] as const) {
      const bomb = join(path, `bomb.${name}`)
      const script = `head -c ${size} /dev/zero | "$@" > ${bomb}`
      assert.equal(spawnSync('sh', ['-c', script, 'sh', ...command]).status, 0)
      writeFileSync(bomb, Buffer.concat(Array.from({ length: streams }, () => readFileSync(bomb))))
      assertFailsSmall(writeConf(path, { from_image: bomb }))
    }
    const header = readFileSync(
      makeTar(join(path, 'pax.tar'), [{ name: 'n', pax: { comment: 'c' } }]),
    ).subarray(0, 512)
    header.write('10000000000\0', 124, 'latin1')
    const base = join(path, 'pax-bomb.tar')
    writeFileSync(base, repairChecksums(header))
    assert.equal(spawnSync('truncate', ['-s', '1100M', base]).status, 0)
    assertFailsSmall(writeConf(path, { from_image: base }))
  })
})

describe('what is no regular file', () => {
  test('a FIFO as base, checksum or layer.tar is one error, and nothing waits for it', () => {
    const fifo = (path: string): string => {
      assert.equal(spawnSync('mkfifo', [path]).status, 0)
      return path
    }
    const path = directory()
    assert.match(
      failureOf(writeConf(path, { from_image: fifo(join(path, 'base')) })),
      /expected a regular file, found a FIFO \[BASE_INVALID\]$/,
    )
    for (const name of ['checksum', 'layer.tar']) {
      const other = directory()
      const conf = writeConf(other, {})
      rmSync(join(other, 'customisation', name))
      fifo(join(other, 'customisation', name))
      assert.match(failureOf(conf), /expected a regular file, found .* \[CUSTOMISATION_INVALID\]$/, name)
    }
  })

  test('a checksum that never ends is read in part', () => {
    const path = directory()
    const conf = writeConf(path, {})
    const checksum = join(path, 'customisation', 'checksum')
    truncateSync(checksum, 2 ** 40)
    assert.match(
      failureOf(conf),
      /checksum: expected a SHA-256 of 64 hex digits.* \[CUSTOMISATION_INVALID\]$/,
    )
    rmSync(checksum)
    symlinkSync('/dev/zero', checksum)
    assert.match(failureOf(conf), /expected a regular file, found a device \[CUSTOMISATION_INVALID\]$/)
  })
})

describe('memory that is not there, or not needed', { skip: skipWithoutPython }, () => {
  test('under a limit of address space a decoder that cannot start is one line', () => {
    const path = directory()
    const base = makeTar(join(path, 'base.tar'), [...layers, ...documents({ layers })])
    for (const [suffix, command] of [
      ['zst', 'zstd -qc'],
      ['xz', 'xz -c'],
    ]) {
      const packed = `${base}.${suffix}`
      assert.equal(spawnSync('sh', ['-c', `${command} ${base} > ${packed}`]).status, 0)
      const conf = writeConf(path, { from_image: packed })
      assert.equal(runCli(conf).status, 0)
      // More than Node takes, less than WebAssembly reserves.
      const limited = spawnSync(
        'sh',
        ['-c', 'ulimit -v 6000000; exec "$0" "$@"', process.execPath, CLI, conf],
        {
          encoding: 'latin1',
          maxBuffer: 1 << 28,
        },
      )
      assert.equal(limited.status, 1)
      const lines = limited.stderr.trimEnd().split('\n')
      assert.match(lines.at(-2)!, /no memory for the (zstd|xz) decoder: .* \[FILE_UNREADABLE\]$/)
      assert.match(lines.at(-1)!, /hint: raise the limit of address space/)
      assert.equal(lines.length, 2)
    }
  })

  test('a window of 64 MiB fits, with all else', () => {
    const path = directory()
    const layer: TarMember = { name: 'layer.tar', data: '' }
    const [image, manifest] = documents({ layers: [layer], diffIds: [sha256OfZeros(200 << 20)] })
    writeFileSync(join(path, image!.name), image!.data!, 'latin1')
    writeFileSync(join(path, 'manifest.json'), manifest!.data!, 'latin1')
    writeFileSync(join(path, 'layer.tar'), '')
    truncateSync(join(path, 'layer.tar'), 200 << 20)
    const packed = join(path, 'base.tar.zst')
    const command = `tar -C ${path} -c layer.tar ${image!.name} manifest.json | zstd -q --long=26 > ${packed}`
    assert.equal(spawnSync('sh', ['-c', command]).status, 0)
    const conf = writeConf(path, { from_image: packed })
    const { status, memory } = runMeasured(conf)
    assert.equal(status, 0)
    assert.ok(memory > 1e6 && memory < 350e6, `${memory} bytes`)
  })
})

function sha256OfZeros(length: number): string {
  return `sha256:${createHash('sha256').update(Buffer.alloc(length)).digest('hex')}`
}

/** One error, and little memory on the way to it. */
function assertFailsSmall(conf: string): void {
  const run = runMeasured(conf)
  assert.match(failureOf(conf, run), /\[BASE_INVALID\]$/)
  const { memory } = run
  assert.ok(memory > 1e6 && memory < 350e6, `${memory} bytes`)
}
