/** Random store paths: descriptions that fast-check makes, and the files they stand for. */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { scratchDirectory } from './scratch.js'

export type Node =
  | { kind: 'file'; size: number; mode: number; fill: number }
  | { kind: 'directory'; mode: number; children: [name: string, node: Node][] }
  | { kind: 'symlink'; target: string }
  | { kind: 'hardlink'; to: number }
  | { kind: 'fifo' }

/** Names as latin1 strings, one character a byte, so that any bytes can be in them. */
const bytes = (text: string): string => Buffer.from(text).toString('latin1')
const name: fc.Arbitrary<string> = fc
  .oneof(
    { weight: 3, arbitrary: fc.string({ minLength: 1, maxLength: 12 }).map(bytes) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        'a',
        'b',
        'a-b',
        'a b',
        'a.b',
        'a+',
        '"',
        "'",
        `'"`,
        'new\nline',
        '\\',
        '-',
        '~',
        '\x01',
        '\x7f',
      ),
    },
    { weight: 2, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }).map(bytes) },
    {
      weight: 2,
      arbitrary: fc
        .constantFrom('é', 'ß', '日本', '\ue000', '\uffff', '\ufffd', '😀', '𝕏', '\u{10ffff}', '\ud7ff')
        .map(bytes),
    },
    {
      weight: 2,
      arbitrary: fc
        .uint8Array({ minLength: 1, maxLength: 6 })
        .map((array) => Buffer.from(array).toString('latin1')),
    },
    { weight: 2, arbitrary: fc.integer({ min: 30, max: 100 }).map((length) => 'l'.repeat(length)) },
    { weight: 1, arbitrary: fc.integer({ min: 250, max: 255 }).map((length) => 'm'.repeat(length)) },
  )
  .map((text) => text.replaceAll(/[/\0]/g, '_').slice(0, 255))
  .filter((text) => text !== '.' && text !== '..')

const size = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(0, 1, 511, 512, 513, 1023, 1024) },
  { weight: 3, arbitrary: fc.constantFrom(10239, 10240, 10241, 65535, 65536, 65537) },
  { weight: 1, arbitrary: fc.constantFrom(131071, 131072, 131073, 262144, 1048575, 1048576, 1048577) },
  { weight: 2, arbitrary: fc.nat(20000) },
)
const target = fc.oneof(
  name,
  fc.constantFrom(
    '/nix/store',
    '..',
    '.',
    '../../etc/passwd',
    '/',
    'x'.repeat(99),
    'x'.repeat(100),
    'x'.repeat(101),
    'x'.repeat(500),
  ),
)

export const node: fc.Arbitrary<Node> = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({
      kind: fc.constant('file' as const),
      size,
      mode: fc.constantFrom(0o644, 0o444, 0o555, 0o755, 0o4755, 0o2755, 0o6711, 0o1644, 0o600, 0o7777),
      fill: fc.nat(255),
    }),
    fc.record({ kind: fc.constant('symlink' as const), target }),
    fc.record({ kind: fc.constant('hardlink' as const), to: fc.nat(50) }),
    fc.record({ kind: fc.constant('fifo' as const) }),
    fc.record({
      kind: fc.constant('directory' as const),
      mode: fc.constantFrom(0o755, 0o555, 0o700, 0o1777, 0o2755),
      children: fc.uniqueArray(fc.tuple(name, tie('node')), { maxLength: 7, selector: ([key]) => key }),
    }),
  ),
})).node

export const storePath: fc.Arbitrary<Node> = fc.oneof(
  { weight: 1, arbitrary: node },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('directory' as const),
      mode: fc.constant(0o555),
      children: fc.uniqueArray(fc.tuple(name, node), { maxLength: 8, selector: ([key]) => key }),
    }),
  },
)

/**
 * Makes the files. Hard links refer to earlier files of the same call list, also in other store paths.
 * @param path latin1
 * @param files files made so far
 */
export function materialise(path: string, tree: Node, files: Buffer[]): void {
  const raw = Buffer.from(path, 'latin1')
  if (raw.length > 4000) return
  if (tree.kind === 'directory') {
    mkdirSync(raw)
    for (const [child, below] of tree.children) materialise(`${path}/${child}`, below, files)
    chmodSync(raw, tree.mode)
  } else if (tree.kind === 'symlink') symlinkSync(Buffer.from(tree.target, 'latin1'), raw)
  else if (tree.kind === 'fifo') makeFifo(raw)
  else if (tree.kind === 'hardlink' && files.length > 0) linkSync(files[tree.to % files.length]!, raw)
  else {
    const { size: length, mode, fill } = tree.kind === 'file' ? tree : { size: 10, mode: 0o644, fill: 1 }
    writeFileSync(raw, Buffer.alloc(length, fill))
    chmodSync(raw, mode)
    files.push(raw)
  }
}

/** The first FIFO, of which all others are links: a link takes a system call where `mkfifo` takes a process. */
const fifo = join(scratchDirectory(), 'fifo')

function makeFifo(raw: Buffer): void {
  if (!existsSync(fifo) && spawnSync('mkfifo', ['-m', '640', fifo]).status !== 0)
    throw new Error(`mkfifo failed for ${fifo}`)
  linkSync(fifo, raw)
}
