/** What an image has in its root beside the store. */
import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { addCertificates, addFakeNss, addTmp, linkFiles, type Tree } from '../../src/closure/tree.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()

/** A path with files by their names; one that ends with a slash is a directory, one with an arrow a link. */
function pathOf(name: string, ...entries: string[]): string {
  for (const entry of entries) {
    const [place = '', target] = entry.split(' -> ')
    const path = join(root, name, place)
    mkdirSync(join(path, entry.endsWith('/') ? '' : '..'), { recursive: true })
    if (target !== undefined) symlinkSync(target, path)
    else if (!entry.endsWith('/')) writeFileSync(path, name)
  }
  return join(root, name)
}

function treeOf(...paths: string[]): Tree {
  const tree: Tree = new Map()
  for (const path of paths) linkFiles(tree, path)
  return tree
}

test('/tmp is a directory for everybody, whatever a path has there', () => {
  const tree = treeOf(pathOf('one', 'tmp/file'))
  addTmp(tree)
  assert.deepEqual(tree.get('tmp'), { kind: 'directory', mode: 0o1777 })
  assert.equal(tree.get('tmp/file')?.kind, 'link')
  for (const entry of ['tmp', 'tmp -> elsewhere'])
    assert.throws(() => addTmp(treeOf(pathOf(entry.length.toString(), entry))), {
      code: 'OPTION_INVALID',
      message: /^expected \/tmp to be a directory, found \//,
    })
})

test('nothing is put below what is no directory', () => {
  for (const entry of ['etc', 'etc -> elsewhere', 'etc/passwd/x', 'var -> elsewhere']) {
    const tree = treeOf(pathOf(`nss-${entry.replaceAll(/\W/g, '-')}`, entry))
    if (entry === 'etc/passwd/x') addFakeNss(tree)
    else
      assert.throws(() => addFakeNss(tree), {
        code: 'OPTION_INVALID',
        message: /to be a directory, found \//,
      })
  }
  const cacert = pathOf('cacert', 'etc/ssl/certs/ca-bundle.crt')
  const tree = treeOf(pathOf('ssl', 'etc/ssl -> elsewhere'))
  assert.throws(() => addCertificates(tree, [cacert]), {
    code: 'OPTION_INVALID',
    message: /expected \/etc\/ssl to be/,
  })
})
