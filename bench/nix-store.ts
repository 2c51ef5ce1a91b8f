/** Store paths of a benchmark in the machine's Nix store, whose hashes are keys of what is remembered. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

interface Document {
  store_layers: string[][]
  store_dir: string
}

/** @returns the path in the store */
export function addToStore(path: string): string {
  const { status, stdout, stderr } = spawnSync('nix-store', ['--add', path], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`nix-store --add ${path}: ${stderr}`)
  return stdout.trim()
}

/**
 * The configuration with its paths in the store, made once for a directory.
 * @returns also what makes one with a further path on top, in a file
 */
export function inNixStore(
  conf: string,
  directory: string,
): { conf: string; addTop: (path: string, file: string) => string } {
  const moved = join(directory, 'in-store.json')
  if (!existsSync(moved)) {
    const document = JSON.parse(readFileSync(conf, 'utf8')) as Document
    const layers = document.store_layers.map((paths) => paths.map(addToStore))
    writeFileSync(moved, JSON.stringify({ ...document, store_layers: layers, store_dir: '/nix/store' }))
  }
  const addTop = (path: string, file: string): string => {
    const document = JSON.parse(readFileSync(moved, 'utf8')) as Document
    const layers = [...document.store_layers, [addToStore(path)]]
    writeFileSync(file, JSON.stringify({ ...document, store_layers: layers }))
    return file
  }
  return { conf: moved, addTop }
}
