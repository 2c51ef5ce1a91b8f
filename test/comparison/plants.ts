/** Differences, one at a time, and what each is called. */
import { APP, EXTRA, LIB, member, type SmallImage, type SmallMember, STORE, TOOL } from './small-image.js'

export interface Plant {
  title: string
  change(image: SmallImage): void
  /** What is told, as {@link leavesOf} has it. */
  told: readonly string[]
}

export const PLANTS: Plant[] = []

function plant(title: string, told: string | readonly string[], change: (image: SmallImage) => void): void {
  PLANTS.push({ title, told: [told].flat(), change })
}

// The image config, each key in each way.
const TOP = {
  created: '1970-01-02T00:00:00Z',
  author: 'me',
  architecture: 'arm64',
  os: 'other',
  docker_version: '1',
}
for (const [key, value] of Object.entries(TOP)) {
  plant(`${key} has another value`, `config ${key}`, ({ config }) => Object.assign(config, { [key]: value }))
  plant(`${key} is gone`, `config ${key}`, ({ config }) => void delete config[key])
  plant(`${key} is of another type`, `config ${key}`, ({ config }) =>
    Object.assign(config, { [key]: [value] }),
  )
}
for (const key of ['variant', 'os.version', 'os.features', 'container', 'comment', 'unheard-of'])
  plant(`${key} is new`, `config ${key}`, ({ config }) => Object.assign(config, { [key]: 'x' }))
for (const key of [
  ...['User', 'Cmd', 'Entrypoint', 'WorkingDir', 'StopSignal', 'StopTimeout', 'Hostname', 'Domainname'],
  ...['Tty', 'OpenStdin', 'OnBuild', 'Shell'],
]) {
  plant(`config.${key} has another value`, `config config.${key}`, (image) =>
    Object.assign(settings(image), { [key]: 'x' }),
  )
  plant(`config.${key} is null`, `config config.${key}`, (image) =>
    Object.assign(settings(image), { [key]: null }),
  )
  plant(`config.${key} is gone`, `config config.${key}`, (image) => void delete settings(image)[key])
}
for (const key of [
  'AttachStdin',
  'AttachStdout',
  'StdinOnce',
  'NetworkDisabled',
  'MacAddress',
  'ArgsEscaped',
  'Image',
])
  plant(`config.${key} is new`, `config config.${key}`, (image) =>
    Object.assign(settings(image), { [key]: true }),
  )
for (const key of ['Cmd', 'Entrypoint', 'Shell', 'OnBuild'])
  plant(`config.${key} has one more`, `config config.${key}`, (image) =>
    (settings(image)[key] as string[]).push('x'),
  )
for (const key of ['Test', 'Interval', 'Timeout', 'Retries'])
  plant(`config.Healthcheck.${key} has another value`, `config config.Healthcheck.${key}`, (image) =>
    Object.assign(settings(image).Healthcheck as object, { [key]: 1 }),
  )
for (const [key, name] of [
  ['Labels', 'maintainer'],
  ['ExposedPorts', '80/tcp'],
  ['Volumes', '/data'],
] as const) {
  const of = (image: SmallImage): Record<string, unknown> => settings(image)[key] as Record<string, unknown>
  plant(`config.${key}.${name} has another value`, `config config.${key}.${name}`, (image) =>
    Object.assign(of(image), { [name]: 'x' }),
  )
  plant(
    `config.${key}.${name} is gone`,
    `config config.${key}.${name}`,
    (image) => void delete of(image)[name],
  )
  plant(`config.${key} has one more`, `config config.${key}.other`, (image) =>
    Object.assign(of(image), { other: {} }),
  )
  plant(`config.${key} is gone`, `config config.${key}`, (image) => void delete settings(image)[key])
}
const env = (image: SmallImage): string[] => settings(image).Env as string[]
plant('a variable has another value', 'config config.Env.PATH', (image) =>
  Object.assign(env(image), { 0: 'PATH=/usr/bin' }),
)
plant('a variable is new', 'config config.Env.NEW', (image) => env(image).push('NEW=1'))
plant('a variable is gone', 'config config.Env.HOME', (image) => env(image).splice(1, 1))
plant('a variable is set twice', 'config config.Env.HOME', (image) => env(image).push('HOME=/'))
plant('an empty variable has a value', 'config config.Env.EMPTY', (image) =>
  Object.assign(env(image), { 2: 'EMPTY= ' }),
)
plant('variables are in another order', 'config config.Env order', (image) => env(image).reverse())
plant('the environment is gone', 'config config.Env', (image) => void delete settings(image).Env)
plant('there is no config', 'config config', ({ config }) => Object.assign(config, { config: null }))
plant('rootfs.type has another value', 'config rootfs.type', ({ config }) =>
  Object.assign(config.rootfs, { type: 'x' }),
)
plant('rootfs has one more key', 'config rootfs.x', ({ config }) => Object.assign(config.rootfs, { x: 1 }))
plant('keys are in another order', 'config  order', ({ config }) => {
  const { os } = config
  delete config.os
  config.os = os
})
plant('keys of the document and of its settings', ['config  order', 'config config order'], ({ config }) => {
  const { os, config: settings } = config
  const [[first, value], ...rest] = Object.entries(settings!) as [[string, unknown], ...[string, unknown][]]
  config.config = { ...Object.fromEntries(rest), [first]: value }
  delete config.os
  config.os = os
})
plant('labels are in another order', 'config config.Labels order', (image) => {
  settings(image).Labels = { version: '1', maintainer: 'me' }
})
plant('the config is indented', 'config  bytes', (image) => {
  image.text = (config) => JSON.stringify(config, null, 1)
})
plant('a letter of the config is escaped', 'config  bytes', (image) => {
  image.text = (config) => JSON.stringify(config).replace('maintainer', '\\u006daintainer')
})
plant('a number is written as a fraction', 'config config.StopTimeout', (image) => {
  image.text = (config) => JSON.stringify(config).replace('"StopTimeout":10', '"StopTimeout":10.0')
})
for (const [i, keys] of [
  ['created', 'created_by', 'comment'],
  ['created', 'created_by', 'author'],
  ['created', 'comment'],
].entries())
  for (const key of keys) {
    plant(`${key} of history entry ${i} has another value`, `config history[${i}].${key}`, ({ config }) =>
      Object.assign(config.history[i]!, { [key]: 'x' }),
    )
    plant(
      `${key} of history entry ${i} is gone`,
      `config history[${i}].${key}`,
      ({ config }) => void delete config.history[i]![key],
    )
  }
plant('a history entry has one more key', 'config history[3].author', ({ config }) =>
  Object.assign(config.history[3]!, { author: 'x' }),
)
plant('the history has one more empty entry', 'config history[5]', ({ config }) =>
  config.history.push({ empty_layer: true, created_by: 'x' }),
)
plant('an empty entry is gone', 'config history[1]', ({ config }) => config.history.splice(1, 1))
plant('the history is gone', 'config history', ({ config }) => Object.assign(config, { history: undefined }))
plant('all of the history is of another time', ['config created'], ({ config }) => {
  for (const entry of config.history) if (entry.created === config.created) entry.created = 'x'
  config.created = 'x'
})

// Names.
plant('a name is new', 'name +small:2', ({ names }) => names.push('small:2'))
plant('a name is gone', 'name -small:1', ({ names }) => names.pop())

// Layers.
plant('a layer is new on top', 'layer new', (image) => addLayer(image, 4))
plant('a layer is new below', 'layer new', (image) => addLayer(image, 0))
plant('a layer is new between', 'layer new', (image) => addLayer(image, 2))
plant('a layer is new that is no archive', ['layer new', 'unreadable'], (image) => {
  addLayer(image, 4)
  image.layers[4]!.end = Buffer.alloc(1024, 'x')
})
plant('the top layer is gone', 'layer removed', (image) => dropLayer(image, 3))
plant('a layer between is gone', 'layer removed', (image) => dropLayer(image, 1))
plant('the top layer is twice', 'layer new', (image) => {
  image.layers.push(image.layers[3]!)
  image.config.history.push(image.config.history[4]!)
})
plant('two layers are in another order', 'layer moved', ({ layers, config: { history } }) => {
  ;[layers[1], layers[2]] = [layers[2]!, layers[1]!]
  ;[history[2], history[3]] = [history[3]!, history[2]!]
})

// Each field of members' headers, in directories and in store paths.
const PASSWD = 'etc/passwd'
const RUN = `${APP}/bin/run`
for (const name of [PASSWD, RUN, EXTRA, 'etc/link', 'dev/null', `${LIB}/`]) {
  const shown = name.replace(/\/$/, '')
  const set = (field: string, fields: Partial<SmallMember>): void =>
    plant(`${field} of ${name} has another value`, `${field} ${shown}`, (image) =>
      Object.assign(find(image, name), fields),
    )
  set('mode', { mode: 0o600 })
  set('uid', { uid: 5n })
  set('gid', { gid: 2n ** 40n })
  set('uname', { uname: 'other' })
  set('gname', { gname: 'g'.repeat(40) })
  set('mtime', { mtime: 77 })
  set('mtime', { mtime: -1 })
  set('mtime', {
    mtime: 1.5,
    hasFloatTime: true,
    pax: new Map([['mtime', '1.5']]),
  })
  set('pax SCHILY.xattr.user.x', { pax: new Map([['SCHILY.xattr.user.x', 'v']]) })
}
for (const name of ['dev/null', 'dev/sda'])
  for (const field of ['devmajor', 'devminor'] as const)
    plant(`${field} of ${name} has another value`, `${field} ${name}`, (image) =>
      Object.assign(find(image, name), { [field]: 7 }),
    )
plant('devminor of a file has a value', `devminor ${PASSWD}`, (image) => {
  find(image, PASSWD).raw = (headers) => {
    headers.write('0000007', 337, 'latin1')
    return headers
  }
})
for (const [name, target] of [
  ['etc/link', 'other'],
  ['etc/hard', 'etc/link'],
  [`${APP}/share`, 'x'.repeat(150)],
] as const)
  plant(`link target of ${name} has another value`, `link target ${name}`, (image) =>
    Object.assign(find(image, name), { linkname: target }),
  )
plant('a symbolic link is a hard link', 'type etc/link', (image) =>
  Object.assign(find(image, 'etc/link'), { type: '1' }),
)
plant('a file is a symbolic link', `type ${RUN}`, (image) =>
  Object.assign(find(image, RUN), { type: '2', linkname: 'x', size: 0, data: Buffer.alloc(0) }),
)
plant('a character device is a block device', 'type dev/null', (image) =>
  Object.assign(find(image, 'dev/null'), { type: '4' }),
)
plant('a file is of the old type', `type ${PASSWD}`, (image) =>
  Object.assign(find(image, PASSWD), { type: '\0' }),
)
plant('a file is contiguous', `type ${RUN}`, (image) => Object.assign(find(image, RUN), { type: '7' }))
plant('a directory has a size', 'size etc', (image) => Object.assign(find(image, 'etc/'), { size: 512 }))
plant('a name begins with ./', `name ./${PASSWD}`, (image) =>
  Object.assign(find(image, PASSWD), { name: `./${PASSWD}` }),
)
plant('a name is absolute', 'name /dev/fifo', (image) =>
  Object.assign(find(image, 'dev/fifo'), { name: '/dev/fifo' }),
)
const lib = (image: SmallImage): SmallMember => find(image, `${LIB}/lib.so`)
plant('a record has another value', `pax comment ${LIB}/lib.so`, (image) =>
  Object.assign(lib(image), { pax: new Map(Object.entries({ comment: 'x', other: 'kept, too' })) }),
)
plant('a record is gone', `pax comment ${LIB}/lib.so`, (image) =>
  Object.assign(lib(image), { pax: new Map(Object.entries({ other: 'kept, too' })) }),
)
plant('records are in another order', `pax order ${LIB}/lib.so`, (image) => {
  lib(image).pax = new Map([...lib(image).pax!].reverse())
})

// The same fields in headers of other bytes.
const RAW: Record<string, (headers: Buffer) => void> = {
  'has another magic': (headers) => void headers.write('ustar  \0', 257, 'latin1'),
  'has another version': (headers) => void headers.write('01', 263, 'latin1'),
  'has a mode with another end': (headers) => void headers.write(' ', 107, 'latin1'),
  'has a large number form of its owner': (headers) =>
    void headers.write('\x80\0\0\0\0\0\0\0', 108, 'latin1'),
  'has bytes behind its name': (headers) => void headers.write('x', 99, 'latin1'),
  'has bytes in what is not used': (headers) => void headers.write('x', 511, 'latin1'),
  'has an mtime with another end': (headers) => void headers.write(' ', 147, 'latin1'),
}
for (const [title, change] of Object.entries(RAW))
  for (const name of [PASSWD, RUN])
    plant(`${name} ${title}`, `encoding ${name}`, (image) => {
      find(image, name).raw = (headers) => {
        change(headers)
        return headers
      }
    })
plant('a record says what the field says', `pax gname ${PASSWD}`, (image) => {
  find(image, PASSWD).pax = new Map([['gname', 'root']])
})

// Contents.
for (const name of [PASSWD, RUN, `${LIB}/lib.so`, `${TOOL}/tool`, EXTRA]) {
  const edit = (title: string, change: (data: Buffer) => Buffer): void =>
    plant(`${name} ${title}`, `contents ${name}`, (image) => {
      const found = find(image, name)
      found.data = change(Buffer.from(found.data))
      found.size = found.data.length
    })
  edit('begins with another byte', (data) => Buffer.concat([Buffer.of(1), data.subarray(1)]))
  edit('ends with another byte', (data) => Buffer.concat([data.subarray(0, -1), Buffer.of(1)]))
  edit('is longer', (data) => Buffer.concat([data, data]))
  edit('is shorter', (data) => data.subarray(0, -1))
  edit('is empty', () => Buffer.alloc(0))
}

// Members and paths.
for (const [after, name] of [
  ['etc/passwd', 'etc/new'],
  [RUN, `${APP}/bin/new`],
  [`${TOOL}/tool`, `${TOOL}/new`],
] as const)
  plant(`${name} is new`, `member added ${name}`, (image) => insert(image, after, member(name, 'new')))
for (const name of ['etc/link', RUN, `${TOOL}/tool`])
  plant(`${name} is gone`, `member removed ${name}`, (image) => remove(image, name))
plant('a member comes twice', 'member added etc/passwd', (image) =>
  insert(image, PASSWD, { ...find(image, PASSWD) }),
)
for (const [a, b, path] of [
  ['etc/link', 'etc/hard', '/etc'],
  [`${APP}/bin/`, `${APP}/share`, APP],
] as const)
  plant(`members of ${path} are in another order`, `order ${path}`, (image) => swap(image, a, b))
plant('two store paths are in another order', 'layer order', ({ layers }) => {
  const [nix, store, tool, file, extra] = layers[2]!.members
  layers[2]!.members = [nix!, store!, extra!, tool!, file!]
})
plant('a directory of the root is new', 'path added /opt', ({ layers }) =>
  layers[0]!.members.push(member('opt', 'x')),
)
plant('a directory of the root is gone', 'path removed /dev', ({ layers }) => layers[0]!.members.splice(4))
plant('a store path is new', `path added ${STORE}/${'f'.repeat(32)}-new`, (image) => {
  image.layers[2]!.members.push(member(`${STORE}/${'f'.repeat(32)}-new`, 'x'))
  image.config.history[3]!.comment = `store paths: ['${TOOL}', '${EXTRA}', '${STORE}/${'f'.repeat(32)}-new']`
})
plant('a store path is gone', `path removed ${EXTRA}`, (image) => {
  image.layers[2]!.members.pop()
  image.config.history[3]!.comment = `store paths: ['${TOOL}']`
})
plant('a store path is in another layer', `path moved ${EXTRA}`, (image) => {
  image.layers[1]!.members.push(image.layers[2]!.members.pop()!)
  image.config.history[2]!.comment = `store paths: ['${APP}', '${LIB}', '${EXTRA}']`
  image.config.history[3]!.comment = `store paths: ['${TOOL}']`
})
plant('a store path has another hash', `path replaced ${other(EXTRA)}`, (image) =>
  rename(image, EXTRA, other(EXTRA)),
)
plant('a store path has another version', `path replaced ${other(EXTRA, 'extra-6')}`, (image) =>
  rename(image, EXTRA, other(EXTRA, 'extra-6')),
)
plant(
  'a store path has another version of another length',
  `path replaced ${other(EXTRA, 'extra-6.10')}`,
  (image) => rename(image, EXTRA, other(EXTRA, 'extra-6.10')),
)
plant(
  'a library has another version, and who names it',
  [
    `path replaced ${other(LIB, 'lib-2.4')}`,
    `path replaced ${other(APP)}`,
    `because of ${other(LIB, 'lib-2.4')}: ${other(APP)}`,
  ],
  (image) => {
    rename(image, LIB, other(LIB, 'lib-2.4'))
    rename(image, APP, other(APP))
  },
)
plant(
  'a library has another hash, and other contents',
  [`path replaced ${other(LIB)}`, `contents ${other(LIB)}/lib.so`, `because of ${other(LIB)}: ${APP}`],
  (image) => {
    rename(image, LIB, other(LIB))
    const found = find(image, `${other(LIB)}/lib.so`)
    found.data = Buffer.from(found.data.toString().replace('lib', 'LIB'))
  },
)

// What is around members.
plant('an archive is longer', 'bytes behind the last member', ({ layers }) =>
  Object.assign(layers[0]!, { end: Buffer.alloc(10240) }),
)
plant('an archive has no end', 'bytes behind the last member', ({ layers }) =>
  Object.assign(layers[1]!, { end: Buffer.alloc(0) }),
)
plant('something stands behind the end', 'bytes behind the last member', ({ layers }) => {
  layers[3]!.end = Buffer.concat([Buffer.alloc(1024), Buffer.from('x')])
})
plant('something fills the last block of contents', 'bytes between members', (image) =>
  Object.assign(find(image, PASSWD), { padding: 1 }),
)
plant('something else than a member', 'unreadable', ({ layers }) => {
  layers[3]!.end = Buffer.alloc(1024, 'x')
})
plant('all members are of another time', ['everywhere mtime'], ({ layers }) => {
  for (const { members } of layers) for (const it of members) it.mtime = 86400
})
plant(
  'all members are of another time, as the image',
  ['config created', 'everywhere mtime: created'],
  (image) => {
    for (const { members } of image.layers) for (const it of members) it.mtime = 86400
    image.config.created = '1970-01-02T00:00:00Z'
  },
)
for (const field of ['uid', 'gid'] as const)
  plant(`all members have another ${field}`, `everywhere ${field}`, ({ layers }) => {
    for (const { members } of layers) for (const it of members) it[field] = 1000n
  })
for (const field of ['uname', 'gname'] as const)
  plant(`all members have another ${field}`, `everywhere ${field}`, ({ layers }) => {
    for (const { members } of layers) for (const it of members) it[field] = 'x'
  })

function settings({ config }: SmallImage): Record<string, unknown> {
  return config.config!
}

function all({ layers }: SmallImage): SmallMember[] {
  return layers.flatMap(({ members }) => members)
}

function find(image: SmallImage, name: string): SmallMember {
  return all(image).find((it) => it.name === name)!
}

function insert({ layers }: SmallImage, after: string, added: SmallMember): void {
  for (const { members } of layers) {
    const at = members.findIndex(({ name }) => name === after)
    if (at >= 0) members.splice(at + 1, 0, added)
  }
}

function remove({ layers }: SmallImage, name: string): void {
  for (const it of layers) it.members = it.members.filter((member) => member.name !== name)
}

function swap({ layers }: SmallImage, a: string, b: string): void {
  for (const { members } of layers) {
    const [i, j] = [a, b].map((name) => members.findIndex((it) => it.name === name)) as [number, number]
    if (i >= 0 && j >= 0) [members[i], members[j]] = [members[j]!, members[i]!]
  }
}

function addLayer({ layers, config }: SmallImage, at: number): void {
  layers.splice(at, 0, { members: [member('srv/new', 'new')], end: Buffer.alloc(1024) })
  config.history.splice(at === 0 ? 0 : at + 1, 0, { created_by: 'new' })
}

function dropLayer({ layers, config }: SmallImage, at: number): void {
  layers.splice(at, 1)
  config.history.splice(at + 1, 1)
}

/** The store path under another hash, and another name. */
export function other(path: string, name = path.slice(path.indexOf('-') + 1)): string {
  return `${STORE}/${'z'.repeat(31)}${path[STORE.length + 1]}-${name}`
}

/** Under another name wherever it is named. */
export function rename(image: SmallImage, from: string, to: string): void {
  const replaced = (text: string): string =>
    text.replaceAll(from.slice(STORE.length + 1), to.slice(STORE.length + 1))
  for (const it of all(image)) {
    it.name = replaced(it.name)
    it.linkname = replaced(it.linkname)
    it.data = Buffer.from(replaced(it.data.toString('latin1')), 'latin1')
    it.size = it.type === '0' ? it.data.length : it.size
  }
  for (const entry of image.config.history)
    if (typeof entry.comment === 'string') entry.comment = replaced(entry.comment)
}
