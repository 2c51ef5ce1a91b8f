/** Layers as derivations: in parallel, on a remote builder, from a binary cache. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { command, skipWithout } from '../support/clients.js'
import { CLI, runOracle, runTo } from '../support/image.js'
import { LOCAL, nixBuild, SOURCE } from '../support/nix.js'
import { scratchDirectory } from '../support/scratch.js'
import { makeMachine, startBuilder } from '../support/ssh-builder.js'

const root = scratchDirectory()
const ARGS = ['--argstr', 'nodeProgram', CLI]
const build = (attributes: string[], ...args: string[]): string[] =>
  nixBuild('layers.nix', attributes, root, [...ARGS, ...args])

interface LayerFile {
  paths: { path: string; narHash: string }[]
  diffId: string
  size: number
}

function layerFile(layer: string): LayerFile {
  return JSON.parse(readFileSync(join(layer, 'layer.json'), 'utf8')) as LayerFile
}

/** The image to standard output, compared with the oracle's; the oracle knows nothing of layer files. */
function streamed(image: string, known: number): string {
  const conf = join(image, 'conf.json')
  const output = join(root, `${image.split('/').at(-1)}.tar`)
  const ours = runTo(output, process.execPath, [CLI, image])
  assert.equal(ours.status, 0, ours.stderr)
  assert.match(ours.stderr, new RegExp(`\nlayer files: ${known} layers known\n`))
  command('cp', [conf, join(root, 'conf.json')])
  command('cmp', [runOracle(join(root, 'conf.json')).output, output])
  return output
}

const skip = skipWithout('nix-build', 'jq', 'sshd', 'ssh', 'ssh-keygen', 'unshare')

describe('layers by Nix', { skip }, () => {
  test('a layer has what its paths need, but what other layers have', () => {
    const [base, libraries, program, image] = build(['base', 'libraries', 'program', 'image'])
    const names = [base, libraries, program].map((layer) =>
      layerFile(layer!).paths.map(({ path }) => path.split('-').at(-1)),
    )
    assert.deepEqual(names, [['libc'], ['zlib', 'ssl'], ['app']])
    streamed(image!, 3)
  })

  test('a changed path makes one layer anew', () => {
    build(['image'])
    const { stderr } = spawnSync(
      'nix-build',
      [
        join(SOURCE, 'test/nix/layers.nix'),
        '-A',
        'image',
        '--dry-run',
        ...ARGS,
        '--argstr',
        'change',
        'other',
        ...LOCAL,
      ],
      { encoding: 'utf8' },
    )
    const layers = stderr.split('\n').filter((line) => line.endsWith('-layer.drv'))
    assert.deepEqual(
      layers.map((line) => line.replace(/^.*?-/, '')),
      ['program-layer.drv'],
      stderr,
    )
  })

  test('layers that need nothing of each other are built at once', () => {
    const meet = join(root, 'meet')
    mkdirSync(meet)
    // Each of them waits until three are under way.
    const layers = build(['apart'], '--argstr', 'meet', meet, '--max-jobs', '3')
    assert.equal(new Set(layers.map((layer) => layerFile(layer).diffId)).size, 3)
  })

  test('blobs that layers have are sent as they are', () => {
    const [image] = build(['image'], '--argstr', 'compress', 'gzip:6')
    const run = (directory: string, conf: string): string =>
      command(process.execPath, [CLI, conf, '-o', `oci:${join(root, directory)}:a`, '--compress', 'gzip:6'])
    const digest = (text: string): unknown => (JSON.parse(text) as { manifestDigest: string }).manifestDigest
    const without = join(root, 'without.json')
    const conf = JSON.parse(readFileSync(join(image!, 'conf.json'), 'utf8')) as { known_layers: string[] }
    const { known_layers: files, ...rest } = conf
    assert.equal(files.length, 3)
    command('sh', ['-c', 'cat > "$0"', without], { input: JSON.stringify(rest) })
    assert.equal(digest(run('known', image!)), digest(run('made', without)))
  })

  test('a second store does the layers over ssh, and the image is the same', async () => {
    const directory = join(root, 'builder')
    const { machine, options, env } = await startBuilder(directory)
    // A change that no store has seen.
    const change = ['--argstr', 'change', `remote ${process.pid}`]
    const [image, ...layers] = nixBuild(
      'layers.nix',
      ['image', 'base', 'libraries', 'program'],
      root,
      [...ARGS, ...change, ...options],
      { env },
    )
    const there = machine.run('nix-store', '--check-validity', '--print-invalid', layers[2]!)
    assert.equal(there, '')
    const output = streamed(image!, 3)

    // The same on this machine alone.
    const local = makeMachine(join(root, 'local'))
    const expression = join(SOURCE, 'test/nix/layers.nix')
    const words = [expression, '-A', 'image', '--no-out-link', ...ARGS, ...change]
    assert.equal(local.run('nix-build', ...words), image)
    const own = join(root, 'own.tar')
    local.run('sh', '-c', `"$0" "$1" "$2" > ${own}`, process.execPath, CLI, image!)
    command('cmp', [output, own])
  })

  test('with a binary cache a second machine makes no layer', () => {
    const [image, ...layers] = build(['image', 'base', 'libraries', 'program'])
    const cache = `file://${join(root, 'cache')}`
    const experimental = ['--extra-experimental-features', 'nix-command']
    command('nix', [...experimental, 'copy', '--to', cache, ...layers, ...LOCAL], { timeout: 200_000 })
    const second = makeMachine(join(root, 'second'))
    const words = [join(SOURCE, 'test/nix/layers.nix'), '-A', 'image', '--no-out-link', ...ARGS]
    words.push('--option', 'substitute', 'true', '--option', 'substituters', cache)
    const dry = second.run('sh', '-c', '"$@" --dry-run 2>&1', 'sh', 'nix-build', ...words)
    assert.ok(!/-layer\.drv/.test(dry), dry)
    for (const layer of layers) assert.ok(dry.includes(layer), dry)
    assert.equal(second.run('nix-build', ...words), image)
    const told = second.run('sh', '-c', '"$@" 2>&1 > /dev/null', 'sh', process.execPath, CLI, image!)
    assert.match(told, /\nlayer files: 3 layers known\n/)
  })
})
