/** What is in examples/ works as it stands there. */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { command, skipWithout } from '../support/clients.js'
import { CLI, makeCustomisation } from '../support/image.js'
import { LOCAL } from '../support/nix.js'
import { scratchDirectory } from '../support/scratch.js'
import { codeBlocks } from './blocks.js'

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url))
const root = scratchDirectory()
const read = (name: string): string => readFileSync(join(PROJECT, name), 'utf8')

describe('a configuration written by hand, and a script of the library', () => {
  // The example's paths are absolute: they are moved into a directory of the test's own.
  const srv = join(root, 'srv')
  mkdirSync(join(srv, 'app'), { recursive: true })
  writeFileSync(join(srv, 'app', 'hello'), '#!/bin/sh\necho hello\n', { mode: 0o755 })
  makeCustomisation(join(srv, 'customisation'))
  const conf = join(root, 'conf.json')
  writeFileSync(conf, read('examples/configuration/conf.json').replaceAll('"/srv', `"${srv}`))

  test('build the same image', () => {
    const image = join(root, 'image.tar')
    const told = JSON.parse(command(process.execPath, [CLI, conf, '-o', image])) as { imageId: string }
    const work = mkdtempSync(join(root, 'script-'))
    mkdirSync(join(work, 'node_modules'))
    symlinkSync(PROJECT, join(work, 'node_modules/stream-layered-image'))
    cpSync(join(PROJECT, 'examples/library/build.mjs'), join(work, 'build.mjs'))
    const other = join(root, 'other.tar')
    const said = command(process.execPath, [join(work, 'build.mjs'), conf, other])
    assert.ok(said.startsWith(`${told.imageId}: 2 layers, `), said)
    command('cmp', [image, other])
  })
})

test('the workflow is the one of docs/ci.md, whose steps are run', () => {
  const [job] = codeBlocks(read('docs/ci.md')).filter(({ language }) => language === 'yaml')
  assert.deepEqual(read('examples/github/image.yml').trimEnd().split('\n').slice(1), job!.lines)
})

test('the flake builds its two images', { skip: skipWithout('nix', 'nix-build', 'busybox') }, () => {
  const nix = (name: string): string => join(PROJECT, name)
  const stub = nix('test/nix/nixpkgs')
  const program = `#!/bin/sh\\nexec ${process.execPath} ${CLI} "$@"\\n`
  const expression = `
    let
      nixpkgs = (import ${stub}/flake.nix).outputs { };
      pkgs = nixpkgs.legacyPackages.x86_64-linux;
      stream-layered-image = pkgs.runCommand "program" { } ''
        mkdir -p $out/bin
        printf '${program}' > $out/bin/stream-layered-image
        chmod +x $out/bin/stream-layered-image
      '';
      lib = pkgs.callPackage ${nix('nix/lib.nix')} { inherit stream-layered-image; };
      flake = (import ${nix('examples/flake/flake.nix')}).outputs {
        self = null;
        inherit nixpkgs;
        stream-layered-image.lib.x86_64-linux = lib;
      };
    in with flake.packages.x86_64-linux; [ stream image ]`
  const file = join(root, 'flake-example.nix')
  writeFileSync(file, expression)
  const [stream, image] = command('nix-build', [file, '--no-out-link', ...LOCAL]).split('\n')
  const [streamed, built] = [join(root, 'streamed.tar'), join(root, 'built.tar')]
  command('bash', ['-c', `'${stream}' > '${streamed}'`])
  command(process.execPath, [CLI, image!, '-o', built])
  for (const archive of [streamed, built])
    assert.match(command('tar', ['-xOf', archive, 'manifest.json']), /"app:1"/)
})
