/** The commands of docs/comparing.md print what the page shows. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { codeBlocks } from '../docs/blocks.js'
import { CLI } from '../support/image.js'
import { scratchDirectory } from '../support/scratch.js'
import { other, rename } from './plants.js'
import { APP, LIB, member, smallImage, writeArchive } from './small-image.js'

const page = readFileSync(fileURLToPath(new URL('../../../docs/comparing.md', import.meta.url)), 'utf8')
const root = scratchDirectory()

writeArchive(join(root, 'old.tar'), smallImage())
const image = smallImage()
rename(image, LIB, other(LIB, 'lib-2.4'))
rename(image, APP, other(APP))
image.config.config!.Env = ['PATH=/usr/bin', 'HOME=/root', 'EMPTY=']
const passwd = image.layers[0]!.members[1]!
Object.assign(passwd, member(passwd.name, 'root:x:0:0\nme:x:1:1\n', { mode: 0o600 }))
image.layers[3]!.members.push(member('run.sh', 'again'))
writeArchive(join(root, 'new.tar'), image)

test('docs/comparing.md: every command prints what the page shows', () => {
  const shown = codeBlocks(page).filter(({ language }) => language === 'console')
  assert.equal(shown.length, 2)
  for (const { lines } of shown) {
    const [command = '', ...expected] = lines
    const [, ...args] = command.replace(/^\$ /, '').split(' ')
    const { stdout, stderr, status } = spawnSync(process.execPath, [CLI, ...args], {
      cwd: root,
      encoding: 'utf8',
    })
    assert.deepEqual([stdout.trimEnd().split('\n'), stderr, status], [expected, '', 1])
  }
})
