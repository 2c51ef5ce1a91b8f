/** Hand-made hard cases, one or more for each rule of the archive format. */
import { chmodSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ConfDocument } from './image.js'

export interface HardCase {
  name: string
  /** Makes the files below `store` and gives what the configuration has beyond the defaults. */
  make(store: string): Partial<ConfDocument>
}

function file(path: string | Buffer, content: string | Buffer = 'content\n', mode = 0o644): void {
  writeFileSync(path, content)
  chmodSync(path, mode)
}

function directory(path: string, mode = 0o755): string {
  mkdirSync(path, { recursive: true })
  chmodSync(path, mode)
  return path
}

/** A name that makes `parent/name` just `length` characters long. */
function nameFor(parent: string, length: number, unit = 'n'): string {
  return unit.repeat(Math.max(1, length - parent.length - 1))
}

export const HARD_CASES: HardCase[] = [
  {
    name: 'names and directories around 100 characters',
    make(store) {
      const root = directory(join(store, 'p'))
      for (const length of [98, 99, 100, 101, 102]) {
        file(join(root, nameFor(root, length)))
        directory(join(root, nameFor(root, length, 'd')))
        file(join(root, nameFor(root, length, 'é')))
      }
      return { store_layers: [[root]] }
    },
  },
  {
    name: 'names of 255 bytes and paths 40 levels deep',
    make(store) {
      const root = directory(join(store, 'p'))
      file(join(root, 'x'.repeat(255)))
      let deep = root
      for (let level = 0; level < 40; level++) deep = directory(join(deep, `level-${level}`))
      file(join(deep, 'leaf'))
      return { store_layers: [[root]] }
    },
  },
  {
    name: 'names that are not ASCII, not printable or not UTF-8, in code point order',
    make(store) {
      const root = directory(join(store, 'p'))
      const names = [
        'a b',
        `it's`,
        '"',
        `'"`,
        'new\nline',
        'tab\t',
        'é',
        '日本',
        '\ue000',
        '\uffff',
        '\ufffd',
        '😀',
        '\u{10ffff}',
        '\ud7ff',
        '\x7f',
        '\x01',
        '~',
        'z',
      ]
      for (const name of names) file(join(root, name), name)
      for (const bytes of [
        [0x80],
        [0xff],
        [0xc3],
        [0xe2, 0x82],
        [0x61, 0xff, 0x62],
        [0xed, 0xa0, 0x80],
        [0xf0, 0x9f, 0x98],
        [0xc0, 0xaf],
      ]) {
        file(Buffer.concat([Buffer.from(`${root}/`), Buffer.from(bytes)]), Buffer.from(bytes))
      }
      return { store_layers: [[root]] }
    },
  },
  {
    name: 'order by path components: a/b before a-b',
    make(store) {
      const root = directory(join(store, 'p'))
      for (const name of ['a', 'a-b', 'a.b', 'a b', 'aa', 'A', 'B'])
        file(join(directory(join(root, name)), 'b'))
      const names = [join(store, 'q'), join(store, 'q-1')]
      for (const path of names) directory(path)
      return { store_layers: [[names[1]!, root, names[0]!]] }
    },
  },
  {
    name: 'hard links within and across store paths and layers, in full',
    make(store) {
      const one = directory(join(store, 'one'))
      const two = directory(join(store, 'two'))
      file(join(one, 'a'), 'linked content'.repeat(100))
      for (const path of [join(one, 'b'), join(two, 'a'), join(two, 'c')]) linkSync(join(one, 'a'), path)
      return { store_layers: [[one, two], [two]] }
    },
  },
  {
    name: 'symlinks: to directories, dangling, absolute, long, as a store path',
    make(store) {
      const root = directory(join(store, 'p'))
      directory(join(root, 'd'))
      file(join(root, 'd', 'f'))
      symlinkSync('d', join(root, 'to-directory'))
      symlinkSync('nowhere', join(root, 'dangling'))
      symlinkSync('/etc/passwd', join(root, 'absolute'))
      symlinkSync('..', join(root, 'up'))
      symlinkSync('loop', join(root, 'loop'))
      for (const length of [99, 100, 101, 400]) symlinkSync('t'.repeat(length), join(root, `long-${length}`))
      symlinkSync('zürich', join(root, 'accent'))
      symlinkSync(Buffer.from([0x61, 0xff]), join(root, 'bytes'))
      symlinkSync('p', join(store, 'link'))
      return { store_layers: [[join(store, 'link'), root]] }
    },
  },
  {
    name: 'sizes around blocks, records and buffers',
    make(store) {
      const root = directory(join(store, 'p'))
      for (const size of [
        0, 1, 511, 512, 513, 10239, 10240, 10241, 65535, 65536, 65537, 131072, 262143, 262144, 262145,
        1048575, 1048576, 1048577,
      ]) {
        file(join(root, String(size)), Buffer.alloc(size, size % 251))
      }
      return { store_layers: [[root]] }
    },
  },
  {
    name: 'modes with set-uid, set-gid and sticky bits',
    make(store) {
      const root = directory(join(store, 'p'), 0o1777)
      for (const mode of [0o4755, 0o2755, 0o1644, 0o7777, 0o400, 0o111])
        file(join(root, mode.toString(8)), 'x', mode)
      directory(join(root, 'd'), 0o2750)
      return { store_layers: [[root]] }
    },
  },
  {
    name: 'no layers, empty layers, a file as a store path, a path in two layers',
    make(store) {
      file(join(store, 'single'), 'single file')
      directory(join(store, 'empty'))
      return {
        store_layers: [[], [join(store, 'single')], [join(store, 'empty'), join(store, 'single')], []],
      }
    },
  },
  { name: 'nothing but the customisation layer', make: () => ({ store_layers: [] }) },
  {
    name: 'paths that are not normalised',
    make(store) {
      const root = directory(join(store, 'p'))
      file(join(root, 'f'))
      return { store_layers: [[`${store}//p/`, `${store}/./p/.`, `${store}/p/../p`]], store_dir: store }
    },
  },
  {
    name: 'owners and times that need pax records on every member',
    make(store) {
      const root = directory(join(store, 'p'))
      file(join(root, 'f'))
      symlinkSync('f', join(root, 'l'))
      return {
        store_layers: [[root]],
        uid: '2097152',
        gid: -1,
        uname: 'jürgen',
        gname: 'g'.repeat(33),
        mtime: '1960-01-01T00:00:00.5Z',
      }
    },
  },
  {
    name: 'a configuration with integer-like keys, large numbers and floats',
    make: () => ({
      config: {
        z: 1,
        '10': [1.5, -0, 1e22, 1e-7],
        '9': { nested: {}, list: [] },
        text: 'ü"\\\u007f😀',
        Env: ['A=1', 'B', 'A=2'],
      },
      repo_tag: 'näme:tag',
      architecture: 'arm64',
    }),
  },
]

/** A store directory for one case. */
export function makeStore(base: string): string {
  const store = join(base, 'store')
  mkdirSync(dirname(store), { recursive: true })
  mkdirSync(store)
  return store
}
