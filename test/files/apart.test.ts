import assert from 'node:assert/strict'
import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { expectApart, expectOutside } from '../../src/files/apart.js'
import { scratchDirectory } from '../support/scratch.js'

const root = realpathSync(scratchDirectory())
mkdirSync(join(root, 'store', 'path', 'sub'), { recursive: true })
mkdirSync(join(root, 'elsewhere'))
symlinkSync('store', join(root, 'link'))
symlinkSync('elsewhere', join(root, 'store', 'to-elsewhere'))
writeFileSync(join(root, 'there'), '')
symlinkSync('there', join(root, 'to-there'))
symlinkSync('new', join(root, 'to-new'))

const named = (paths: readonly string[]): { name: string; path: string }[] =>
  paths.map((path) => ({
    name: `-o ${path}`,
    path: path.startsWith('/') || path === '-' ? path : join(root, path),
  }))

test('no two files are one', () => {
  for (const [a, b] of [
    ['new', 'new'],
    ['new', './new'],
    ['there', 'to-there'],
    ['new', 'to-new'],
    ['store/path/x', 'link/path/x'],
    ['no/such/x', 'no/such/../such/x'],
    ['-', '-'],
  ] as const) {
    const refused = { code: 'DESTINATION_INVALID', message: new RegExp(`^-o ${b}: .* is -o ${a} too$`) }
    assert.throws(() => expectApart(named([a, b]), []), refused)
    if (a !== '-') assert.throws(() => expectApart(named([b]), named([a])), { code: 'DESTINATION_INVALID' })
  }
  expectApart(named(['new', 'there', 'store/path/x', '-', '/dev/null', '/dev/null']), named(['conf.json']))
})

test('no file is written into an image layout, which may take several images', () => {
  const [layout, again] = named(['store/path', './store/path']).map((it) => ({ ...it, isLayout: true }))
  for (const path of ['store/path/index.json', 'store/path/no/such', 'link/path/x']) {
    const [file] = named([path])
    const refused = {
      code: 'DESTINATION_INVALID',
      message: /outside of the image layout, .* in -o store\/path$/,
    }
    assert.throws(() => expectApart([layout!, file!], []), refused)
    assert.throws(() => expectApart([file!, layout!], []), refused)
    assert.throws(() => expectApart([file!], [layout!]), refused)
  }
  expectApart([layout!, again!, ...named(['store/path.json', '-', '/dev/null'])], [layout!])
})

test('nothing is written below what is read', () => {
  const outside = (path: string, source: string): void => expectOutside(named([path]), [join(root, source)])
  for (const [path, source] of [
    ['store/path/x', 'store/path'],
    ['store/path/sub/no/such', 'store/path'],
    ['link/path/x', 'store/path'],
    ['store/path/x', 'link/path'],
    ['store/path', 'store/path'],
    ['store/path/x', 'store/path/.'],
    ['store/path/x', '/'],
  ] as const)
    assert.throws(() => outside(path, source), {
      code: 'DESTINATION_INVALID',
      message: /^-o .*: expected a place outside of what goes into the image, found it in /,
    })
  outside('elsewhere/x', 'store/path')
  outside('elsewhere/x', 'store/to-elsewhere')
  outside('store/x', 'store/path')
  outside('store/pathway', 'store/path')
})
