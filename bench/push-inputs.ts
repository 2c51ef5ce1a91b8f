/** Configurations of the closure for pushes, with store paths that Nix knows. */
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { addToStore } from './nix-store.js'

/** The closure's paths in the machine's Nix store, and the same with another path in place of the median one. */
export function inNixStore(conf: string, directory: string): { conf: string; changed: string } {
  const moved = { conf: join(directory, 'conf.json'), changed: join(directory, 'changed.json') }
  if (existsSync(moved.changed)) return moved
  const document = JSON.parse(readFileSync(conf, 'utf8')) as { store_layers: string[][]; store_dir: string }
  document.store_layers = document.store_layers.map((paths) => paths.map(addToStore))
  document.store_dir = '/nix/store'
  writeFileSync(moved.conf, JSON.stringify(document))
  const index = document.store_layers.length >> 1
  const path = document.store_layers[index]![0]!
  const copy = join(directory, basename(path).slice(33))
  cpSync(path, copy, { recursive: true })
  chmodSync(copy, 0o755)
  const file = readdirSync(copy, { recursive: true, encoding: 'utf8' }).length
  writeFileSync(join(copy, 'another-file'), String(file))
  document.store_layers[index] = [addToStore(copy)]
  rmSync(copy, { recursive: true, force: true })
  writeFileSync(moved.changed, JSON.stringify(document))
  return moved
}

/** The same paths in fewer layers: the last one has all that is left, four fifths of the bytes. */
export function dominated(conf: string, directory: string): string {
  const document = JSON.parse(readFileSync(conf, 'utf8')) as { store_layers: string[][] }
  const paths = document.store_layers.flat()
  const { stdout } = spawnSync('nix-store', ['--query', '--size', ...paths], { encoding: 'utf8' })
  const sizes = stdout.trim().split('\n').map(Number)
  const fifth = sizes.reduce((sum, size) => sum + size, 0) / 5
  let bytes = 0
  const count = sizes.findIndex((size) => {
    bytes += size
    return bytes > fifth
  })
  document.store_layers = [...paths.slice(0, count).map((path) => [path]), paths.slice(count)]
  const file = join(directory, 'dominated.json')
  writeFileSync(file, JSON.stringify(document))
  return file
}
