/** What engines refuse of a layer, or unpack otherwise: found with Docker 20.10, podman 4.3, skopeo 1.9 and umoci 0.4. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { inRun } from '../../src/in-run.js'
import { verifyIn } from '../../src/verify-image.js'
import {
  member,
  type SmallImage,
  type SmallMember,
  smallImage,
  writeArchive,
} from '../comparison/small-image.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const directory = (name: string): SmallMember => member(`${name}/`, '', { type: '5', mode: 0o755 })
const link = (name: string, linkname: string, type = '1'): SmallMember => member(name, '', { type, linkname })

/** In the highest layer, which has `run.sh`. */
const onTop: Record<string, [SmallMember[], ...RegExp[]]> = {
  'a name that leads out': [[member('a/../../evil', 'x')], /^a\/\.\.\/\.\.\/evil: its name leads out/],
  'an absolute name': [[member('/absolute', 'x')]],
  'the root': [[directory('.')]],
  'a root that is a file': [
    [member('./', 'x')],
    /^\.\/: expected the root to be a directory, found type "0"/,
  ],
  'a hard link to what is not there': [
    [link('h', 'nothing')],
    /^h: expected its link target "nothing" before it/,
  ],
  'a hard link to what comes later': [
    [link('h', 'z'), member('z')],
    /^h: expected its link target "z" before it/,
  ],
  'a hard link to a lower layer': [
    [link('h', 'etc/passwd')],
    /^h: expected its link target "etc\/passwd" before it/,
  ],
  'a hard link to a directory': [[directory('d'), link('h', 'd')], /^h: a hard link to a directory/],
  'a hard link that leads out': [[link('h', '../run.sh')], /^h: its link target "\.\.\/run\.sh" leads out/],
  'hard links': [[link('h', 'run.sh'), link('i', '/run.sh'), link('j', './h')]],
  'a file twice': [[member('run.sh', 'again')], /^run\.sh: expected it once, found it again/],
  'a directory twice': [[directory('d'), directory('d')], /^d: expected it once, found it again/],
  'a name spelled in two ways': [[member('./run.sh')], /^\.\/run\.sh: expected it once, found it again/],
  'a file three times': [[member('a'), member('a'), member('a')], /^a: expected it once, found it again/],
  'what is below a symbolic link': [
    [link('s', '/tmp', '2'), member('s/x')],
    /^s\/x: it is below s, which is a symbolic link/,
  ],
  'what is far below a file': [
    [member('f'), member('f/a/b')],
    /^f\/a\/b: it is below f, which is no directory/,
  ],
  'a name of more parts than Linux takes, below a file': [
    [member('f'), member(`f/${'d/'.repeat(3000)}x`, '', { pax: new Map() })],
    /^f\/d.*: its name is longer than Linux takes/,
  ],
  'directories that come after their files': [[member('d/e/f'), directory('d/e'), directory('d')]],
  'a contiguous file': [
    [member('t', '', { type: '7' })],
    /^t: expected a type of member that engines know, found "7"/,
  ],
  'a type that nobody knows': [[member('t', '', { type: 'V' })], /^t: expected a type of member/],
  'a file of the old type': [[member('t', '', { type: '\0' })]],
  whiteouts: [[member('.wh.etc'), member('dev/.wh..wh..opq')]],
  'a whiteout with contents': [
    [member('.wh.etc', 'x')],
    /^\.wh\.etc: expected a whiteout to be empty, found 1 bytes/,
  ],
  'a whiteout that is a directory': [
    [directory('.wh.etc')],
    /^\.wh\.etc: expected a whiteout to be a file, found type "5"/,
  ],
  'a whiteout of nothing': [[member('.wh.')], /^\.wh\.: expected a whiteout of a name/],
  'what AUFS kept': [[directory('.wh..wh.plnk')]],
  'a symbolic link to nothing': [[link('s', '', '2')], /^s: expected a link target, found none/],
  'an owner that is none': [
    [member('u', '', { uid: 2n ** 32n - 1n })],
    /^u: expected a user ID from 0 to 4294967294, found 4294967295/,
  ],
  'a group below zero': [[member('u', '', { gid: -1n })], /^u: expected a group ID from 0/],
  'a name that is too long': [[member('n'.repeat(256))], /^n{256}: its name is longer than Linux takes/],
  'a long name': [[member(`${'n'.repeat(255)}/é`)]],
}

const others: Record<string, [(image: SmallImage) => void, ...RegExp[]]> = {
  'a whiteout below all': [
    ({ layers }) => layers[0]!.members.push(member('.wh.x')),
    /^\.wh\.x: a whiteout in the lowest layer/,
  ],
  'an archive without an end': [
    ({ layers }) => end(layers[1]!, Buffer.alloc(0)),
    /^expected two zero blocks at the archive's end, found 0/,
  ],
  'an archive with half an end': [
    ({ layers }) => end(layers[1]!, Buffer.alloc(512)),
    /^expected two zero blocks at the archive's end, found 1/,
  ],
  'a long end': [({ layers }) => end(layers[1]!, Buffer.alloc(1 << 20))],
  'bytes behind the end': [
    ({ layers }) => end(layers[1]!, Buffer.alloc(4096).fill('x', 4095)),
    /^expected nothing behind the archive's end/,
  ],
  'bytes in the second zero block': [
    ({ layers }) => end(layers[1]!, Buffer.alloc(1024).fill('x', 600)),
    /^expected nothing behind the archive's end/,
  ],
  'bytes in place of a member': [
    ({ layers }) => end(layers[1]!, Buffer.alloc(1024, 'x')),
    /^at byte \d+: expected a member's header/,
  ],
  'a member that is cut short': [
    ({ layers }) => {
      end(layers[3]!, Buffer.alloc(0))
      layers[3]!.members.push(member('long', 'x'.repeat(100), { size: 10_000 }))
    },
    /^at byte 2048: expected a whole member, found the end of the archive at byte 2048/,
  ],
  'many problems': [
    ({ layers }) => {
      for (let i = 0; i < 1000; i++) layers[3]!.members.push(link(`h${i}`, 'nothing'))
    },
    ...Array.from({ length: 50 }, (_, i) => new RegExp(`^h${i}: expected its link target`)),
    /^and more problems of this layer/,
  ],
}

function end(layer: { end: Buffer }, bytes: Buffer): void {
  layer.end = bytes
}

/** Of the config. */
const configs: Record<string, [(config: SmallImage['config']) => unknown, ...RegExp[]]> = {
  'a time that is none': [
    (config) => Object.assign(config, { created: 'x' }),
    /^created: expected a time as RFC 3339 has it, found "x"/,
  ],
  'a history entry of no time': [
    ({ history }) => Object.assign(history[0]!, { created: '2020' }),
    /^history\.0\.created: expected a time/,
  ],
  'a history with an entry too few': [
    ({ history }) => history.pop(),
    /^history: expected 4 entries with a layer, found 3/,
  ],
  'no history': [(config) => Object.assign(config, { history: undefined })],
  'a variable without a value': [
    ({ config }) => (config!.Env as string[]).push('X'),
    /^config\.Env: expected NAME=value, found "X"/,
  ],
  'a command that is a text': [
    ({ config }) => Object.assign(config!, { Cmd: 'sh' }),
    /^config\.Cmd: expected .*Array.*, found "sh"/,
  ],
  'a label that is a number': [
    ({ config }) => Object.assign(config!.Labels!, { a: 1 }),
    /^config\.Labels\.a: expected string, found 1/,
  ],
  'a timeout that is a fraction': [
    ({ config }) => Object.assign(config!, { StopTimeout: 1.5 }),
    /^config\.StopTimeout: expected .*, found 1\.5/,
  ],
  'a flag that is a text': [
    ({ config }) => Object.assign(config!, { Tty: 'yes' }),
    /^config\.Tty: expected .*boolean.*, found "yes"/,
  ],
  'no config': [(config) => Object.assign(config, { config: null })],
  'no architecture': [
    (config) => Object.assign(config, { architecture: undefined }),
    /^architecture: expected .*, found none/,
  ],
  'an empty os': [(config) => Object.assign(config, { os: '' }), /^os: expected a name, found 0/],
  'another kind of rootfs': [
    ({ rootfs }) => Object.assign(rootfs, { type: 'x' }),
    /^rootfs\.type: expected "layers", found "x"/,
  ],
}

test('each fault of a layer or a config is told once, and nothing else is', async (t) => {
  const cases = [
    ...Object.entries(onTop).map(([title, [members, ...told]]) => ({
      title,
      change: ({ layers }: SmallImage) => void layers[3]!.members.push(...members),
      told,
    })),
    ...Object.entries(others).map(([title, [change, ...told]]) => ({ title, change, told })),
    ...Object.entries(configs).map(([title, [change, ...told]]) => ({
      title,
      change: ({ config }: SmallImage) => void change(config),
      told,
    })),
  ]
  await inRun({ threads: 1 }, async (run) => {
    for (const { title, change, told } of [{ title: 'none', change: () => {}, told: [] }, ...cases]) {
      const image = smallImage()
      change(image)
      const found = await verifyIn(run, { image: writeArchive(join(root, 'image.tar'), image) })
      await t.test(title, () => {
        const messages = found.problems.map(({ message }) => message)
        assert.equal(messages.length, told.length, messages.join('\n'))
        for (const [i, message] of messages.entries()) assert.match(message, told[i]!)
        assert.equal(found.isValid, told.length === 0)
        assert.equal(found.checked.images, 1)
      })
    }
  })
})
