/** A small real closure, built offline by the real nix-store: nothing but /bin/sh and a static busybox. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { command } from './clients.js'
import { makeCustomisation, writeConf } from './image.js'
import { LOCAL } from './nix.js'

const EXPRESSION = `{ busybox }:
let
  make = name: dependencies: builtins.derivation {
    inherit name dependencies;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    PATH = "/usr/bin:/bin";
    args = [ "-c" ''
      mkdir -p $out/share
      for i in 1 2 3 4 5 6 7 8 9; do printf '%1000s\\n' "$name-$i"; done > $out/share/$name.txt
      for d in $dependencies; do echo $d >> $out/share/dependencies; ln -s $d $out/share/to-''\${d##*-}; done
    '' ];
  };
  libc = make "libc" [];
  zlib = make "zlib" [ libc ];
  ssl = make "ssl" [ libc zlib ];
  text = make "text" [];
in make "app" [ ssl text (builtins.storePath busybox) ]
`

export interface Closure {
  /** All its store paths, dependencies first. */
  paths: string[]
  busybox: string
}

export function buildClosure(directory: string): Closure {
  const expression = join(directory, 'closure.nix')
  writeFileSync(expression, EXPRESSION)
  const busybox = command('nix-store', ['--add', '/bin/busybox'])
  const derivation = command('nix-instantiate', [
    expression,
    '--argstr',
    'busybox',
    busybox,
    ...LOCAL,
    '--add-root',
    join(directory, 'drv'),
    '--indirect',
  ])
  const output = command('nix-store', [
    '--realise',
    derivation,
    ...LOCAL,
    '--add-root',
    join(directory, 'result'),
    '--indirect',
  ])
  return { paths: command('nix-store', ['--query', '--requisites', output]).split('\n'), busybox }
}

/** A customisation layer with `/bin/sh` linked to the closure's busybox, tarred as nixpkgs does. */
function linksLayer(directory: string, busybox: string): string {
  const tree = join(directory, 'tree')
  mkdirSync(join(tree, 'bin'), { recursive: true })
  for (const name of ['sh', 'cat', 'ls', 'echo']) symlinkSync(busybox, join(tree, 'bin', name))
  const archive = join(directory, 'tree.tar')
  const options = [
    '--sort=name',
    '--mtime=@1',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--hard-dereference',
  ]
  command('tar', ['-cf', archive, ...options, '-C', tree, ...readdirSync(tree)])
  makeCustomisation(join(directory, 'links'), readFileSync(archive))
  return join(directory, 'links')
}

/** A configuration of an image with one layer a store path, which prints `hello from` and its layers' files. */
export function closureConf(
  directory: string,
  closure: Closure,
  fromImage: string | null,
  tag: string,
): string {
  mkdirSync(directory, { recursive: true })
  return writeConf(directory, {
    config: {
      Cmd: ['/bin/sh', '-c', `echo hello from $NAME; ls ${dirname(closure.paths[0]!)} | wc -l`],
      Env: ['PATH=/bin', `NAME=${tag}`],
    },
    store_dir: '/nix/store',
    store_layers: closure.paths.map((path) => [path]),
    customisation_layer: linksLayer(directory, closure.busybox),
    from_image: fromImage,
    repo_tag: `${tag}:latest`,
  })
}
