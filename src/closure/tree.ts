/** What an image has in its root beside the store: links, a few files, `/tmp`. */
import { readdirSync, readlinkSync, type Stats, statSync } from 'node:fs'
import { join } from 'node:path'
import { attempt, ImageError } from '../errors.js'

export type Node =
  | { kind: 'directory'; mode: number }
  | { kind: 'file'; content: string }
  | { kind: 'link'; target: string; from: string }

/** Nodes by their path in the image, without the slash before it. */
export type Tree = Map<string, Node>

export const DIRECTORY: Node = { kind: 'directory', mode: 0o755 }

/** Not the image's own: engines mount there, and the store's paths are there already. */
const LEFT_OUT = new Set(['nix', 'proc', 'sys', 'dev'])

/**
 * Adds a node, with directories for it where they are missing. What is there stays.
 * @throws ImageError OPTION_INVALID where a link or a file is in the place of a directory
 */
function addNode(tree: Tree, path: string, node: Node): void {
  const names = path.split('/')
  for (let i = 1; i < names.length; i++) addDirectory(tree, names.slice(0, i).join('/'), DIRECTORY)
  if (node.kind === 'directory') addDirectory(tree, path, node)
  else if (!tree.has(path)) tree.set(path, node)
}

function addDirectory(tree: Tree, path: string, node: Node): void {
  const before = tree.get(path)
  if (before === undefined) tree.set(path, node)
  else if (before.kind !== 'directory')
    throw new ImageError(
      'OPTION_INVALID',
      `expected /${path} to be a directory, found ${before.kind === 'link' ? before.from : 'a file'}`,
      { hint: 'leave the path that has it out of --copy-to-root' },
    )
}

/**
 * Links all files of a store path into the root, as `contents` of dockerTools does: directories of several paths become
 * one, links are copied, and the path that is named first wins.
 * @throws ImageError OPTION_INVALID when the path is no directory, or one of two has a directory where the other has none
 */
export function linkFiles(tree: Tree, path: string): void {
  const visit = (directory: string, below: string): void => {
    const entries = attempt(
      'OPTION_INVALID',
      `--copy-to-root: cannot read the directory ${directory}`,
      () => readdirSync(directory, { withFileTypes: true }),
      'only directories have files for the root',
    )
    for (const entry of entries) {
      const place = below === '' ? entry.name : `${below}/${entry.name}`
      const source = join(directory, entry.name)
      if (LEFT_OUT.has(place)) continue
      const before = tree.get(place)
      if (before !== undefined && (before.kind === 'directory') !== entry.isDirectory())
        throw new ImageError(
          'OPTION_INVALID',
          `--copy-to-root: expected /${place} to be a directory everywhere or nowhere, found ${source} and ${before.kind === 'link' ? before.from : 'a directory'}`,
          { hint: 'leave one of the two out' },
        )
      if (entry.isDirectory()) {
        addNode(tree, place, DIRECTORY)
        visit(source, place)
      } else {
        const target = entry.isSymbolicLink() ? readlinkSync(source) : source
        addNode(tree, place, { kind: 'link', target, from: source })
      }
    }
  }
  visit(path, '')
}

/** Users that programs ask for, and how names are resolved, as `dockerTools.fakeNss` has them. */
export function addFakeNss(tree: Tree): void {
  addNode(tree, 'etc/passwd', {
    kind: 'file',
    content: 'root:x:0:0:root user:/var/empty:/bin/sh\nnobody:x:65534:65534:nobody:/var/empty:/bin/sh\n',
  })
  addNode(tree, 'etc/group', { kind: 'file', content: 'root:x:0:\nnobody:x:65534:\n' })
  addNode(tree, 'etc/nsswitch.conf', { kind: 'file', content: 'hosts: files dns\n' })
  addNode(tree, 'var/empty', { kind: 'directory', mode: 0o755 })
}

/**
 * Where programs look for the authorities that they trust.
 * @param paths of the closure @throws ImageError OPTION_INVALID when none has certificates
 */
export function addCertificates(tree: Tree, paths: readonly string[]): void {
  const bundle = paths
    .map((path) => join(path, 'etc/ssl/certs/ca-bundle.crt'))
    .find((path) => statIfThere(path)?.isFile())
  if (bundle === undefined)
    throw new ImageError(
      'OPTION_INVALID',
      '--ca-certificates: expected a path with etc/ssl/certs/ca-bundle.crt, found none',
      { hint: 'name the store path of cacert too' },
    )
  for (const place of [
    'etc/ssl/certs/ca-bundle.crt',
    'etc/ssl/certs/ca-certificates.crt',
    'etc/pki/tls/certs/ca-bundle.crt',
  ])
    addNode(tree, place, { kind: 'link', target: bundle, from: bundle })
}

/** For everybody's files, each removable by its owner alone, whatever a path has there. @throws ImageError OPTION_INVALID */
export function addTmp(tree: Tree): void {
  const tmp: Node = { kind: 'directory', mode: 0o1777 }
  addNode(tree, 'tmp', tmp)
  tree.set('tmp', tmp)
}

/** What is at a path, links followed; undefined also where a directory of the path is none. */
export function statIfThere(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}
