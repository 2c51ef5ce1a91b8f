import assert from 'node:assert/strict'
import { test } from 'node:test'
import { namesOf } from '../../src/options.js'
import { repoTagProblem } from '../../src/registry/repo-tag.js'
import { readImage } from '../support/archive.js'
import { runCli, writeConf } from '../support/image.js'
import { scratchDirectory } from '../support/scratch.js'

/** As Docker 20.10 answers `docker load` of an image with that tag. */
const TAKEN = [
  'foo:1',
  'a/b:c',
  'HOST.example:5000/x:1',
  'localhost/x:1',
  `${'a'.repeat(64)}:1`,
  'a--b__c/e:1',
  `x:1@sha256:${'0'.repeat(64)}`,
  'x:A.b_c-d',
]
const REFUSED = [
  '',
  'foo',
  'UPPER:latest',
  'bad tag!',
  'HOST/x:1',
  'localhost:5000/x',
  'näme:tag',
  `${'a'.repeat(250)}:1`,
  `a:${'b'.repeat(129)}`,
  'a___b:1',
  `x@sha256:${'0'.repeat(64)}`,
  ' a:b',
  'a:-b',
]

test('tells tags that clients take from others', () => {
  for (const tag of TAKEN) assert.equal(repoTagProblem(tag), undefined)
  for (const tag of REFUSED) assert.match(repoTagProblem(tag) ?? `${tag}: taken`, /is no NAME:TAG/)
})

test('in place of the script any tag is written; one that clients refuse is a warning of one line', async () => {
  const root = scratchDirectory()
  for (const tag of ['', 'foo', 'bad tag!', 'UPPER:latest', 'näme:\n::error::\x1b[m']) {
    const run = runCli(writeConf(root, { repo_tag: 'of:conf' }), tag === '' ? ['-t', 'foo'] : [`-t=${tag}`])
    assert.equal(run.status, 0, run.stderr)
    assert.deepEqual((await readImage(run.output)).manifest[0]!.RepoTags, [tag || 'foo'])
    const warnings = run.stderr.match(/^stream-layered-image: warning: the tag ".*" is no NAME:TAG .*$/gm)
    assert.equal(warnings?.length, 1, run.stderr)
    assert.doesNotMatch(run.stderr, /^::/m)
  }
  assert.doesNotMatch(runCli(writeConf(root, { repo_tag: 'a:b' })).stderr, /warning/)
})

test('a name that is asked for twice is one name', () => {
  assert.deepEqual(namesOf(['app:1', 'app:2', 'app:1', '']), ['app:1', 'app:2'])
})
