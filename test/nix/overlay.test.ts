/** The overlay, the package, the functions and the flake, by the real Nix on a stub of nixpkgs. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { command, skipWithout } from '../support/clients.js'
import { runTo, sha256File } from '../support/image.js'
import { LOCAL, nixBuild, SOURCE } from '../support/nix.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const skip = skipWithout('nix-build', 'busybox', 'jq', 'npm', 'unshare')

test('the hashes of the packages are those of this lock file', () => {
  const { lock } = JSON.parse(readFileSync(join(SOURCE, 'nix/hashes.json'), 'utf8')) as { lock: string }
  const found = createHash('sha256')
    .update(readFileSync(join(SOURCE, 'package-lock.json')))
    .digest('hex')
  assert.equal(lock, found, 'package-lock.json changed: run nix/update-hashes.sh')
})

describe('with the real Nix', { skip }, () => {
  const args: string[] = []
  const build = (withOverlay: boolean, ...attributes: string[]): string[] =>
    nixBuild('images.nix', attributes, root, [...args, '--arg', 'withOverlay', String(withOverlay)])
  const stream = (script: string, ...options: string[]): string => {
    const run = runTo(join(root, `${script.split('/').at(-1)}.tar`), script, options)
    assert.equal(run.status, 0, run.stderr)
    return run.output
  }

  before(() => {
    args.push('--argstr', 'busybox', command('nix-store', ['--add', '/bin/busybox']))
    nixBuild('images.nix', ['program.modules'], root, [...args, '--arg', 'withOverlay', 'true'])
    // With the packages there, nothing more is fetched.
    const noNetwork = { before: ['unshare', '--net'] }
    nixBuild('images.nix', ['program'], root, [...args, '--arg', 'withOverlay', 'true'], noNetwork)
    const [plain] = build(false, 'plain')
    args.push('--argstr', 'base', command('nix-store', ['--add', stream(plain!)]))
  })

  test('streamed images are the same, bit for bit, with and without the overlay', () => {
    const names = ['plain', 'tagged', 'empty', 'based']
    const without = build(false, ...names)
    const with_ = build(true, ...names)
    for (const [i, name] of names.entries()) {
      assert.notEqual(without[i], with_[i])
      for (const options of [[], ['-t', 'other:2']])
        command('cmp', [stream(without[i]!, ...options), stream(with_[i]!, ...options)])
      assert.match(
        readFileSync(with_[i]!, 'utf8'),
        new RegExp(`-stream" +/nix/store/[a-z0-9]+-${name}-conf.json`),
      )
    }
  })

  test('buildLayeredImage gives the same file, from a derivation without home or network', () => {
    const [without] = build(false, 'built')
    const [with_] = build(true, 'built')
    assert.notEqual(without, with_)
    assert.equal(sha256File(with_!), sha256File(without!))
  })

  test('everything else of dockerTools is as it was', () => {
    assert.deepEqual(build(true, 'untouched'), build(false, 'untouched'))
    assert.deepEqual(build(true, 'plain.conf'), build(false, 'plain.conf'))
  })

  test('streamFast streams one image with this program and takes its options', () => {
    const [fast, plain, conf] = [
      ...build(true, 'fast'),
      ...build(false, 'plain'),
      ...build(true, 'fast.conf'),
    ]
    command('cmp', [stream(fast!), stream(plain!)])
    const file = join(root, 'fast-file.tar')
    const { stdout } = spawnSync(fast!, ['-o', file, '-j', '1'], { encoding: 'utf8' })
    assert.match(stdout, /"imageId":"sha256:/)
    command('cmp', [file, stream(plain!)])
    const [program] = build(true, 'program')
    for (const named of [plain!, conf!]) {
      const run = runTo(join(root, 'named.tar'), `${program}/bin/stream-layered-image`, [named])
      assert.equal(sha256File(run.output), sha256File(file), run.stderr)
    }
  })

  test('the flake evaluates, and default.nix for those without flakes', () => {
    const copy = join(root, 'source')
    mkdirSync(copy)
    for (const name of ['flake.nix', 'default.nix', 'nix', 'package.json', 'package-lock.json', '.npmrc'])
      cpSync(join(SOURCE, name), join(copy, name), { recursive: true })
    for (const name of ['tsconfig.json', 'src', 'workers'])
      cpSync(join(SOURCE, name), join(copy, name), { recursive: true })
    const nixpkgs = join(root, 'nixpkgs-flake', 'nixpkgs')
    cpSync(join(SOURCE, 'test/nix/nixpkgs'), nixpkgs, { recursive: true })
    mkdirSync(join(root, 'oracle'))
    const nix = (...words: string[]): string =>
      command('nix', [
        ...['--extra-experimental-features', 'nix-command flakes', ...words],
        ...['--no-write-lock-file', '--override-input', 'nixpkgs', `path:${nixpkgs}`, ...LOCAL],
      ])
    const show = nix('flake', 'show', `path:${copy}`)
    for (const name of ['overlays', 'default', 'stream-layered-image']) assert.match(show, new RegExp(name))
    const evaluate = (attribute: string): string => nix('eval', '--raw', `path:${copy}#${attribute}`)
    for (const system of ['x86_64-linux', 'aarch64-linux'])
      assert.match(evaluate(`packages.${system}.default.drvPath`), /-stream-layered-image-.*\.drv$/)
    assert.match(evaluate('apps.x86_64-linux.default.program'), /bin\/stream-layered-image$/)
    const expression = `(import ${SOURCE} { pkgs = import ${SOURCE}/test/nix/nixpkgs { }; }).stream-layered-image.drvPath`
    assert.match(command('nix-instantiate', ['--eval', '-E', expression]), /\.drv"$/)
  })
})
