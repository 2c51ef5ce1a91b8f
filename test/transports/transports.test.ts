/** How places are named, here and from anywhere. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePlace } from '../../src/transports.js'

test('a place has the transport that its scheme names, a file without one', () => {
  for (const [text, takesBlobs] of [
    ['a/b.tar', false],
    ['./a:b', false],
    ['docker-archive:a', false],
    ['oci:dir:v1', true],
    ['oci-archive:f', true],
    ['docker://localhost:5000/a', true],
  ] as const)
    assert.equal(parsePlace(text).takesBlobs, takesBlobs, text)
  for (const text of [
    'docker:a/b',
    'docker://',
    'oci:',
    'docker-archive:',
    'containers-storage:UPPER',
    'dir:x',
  ])
    assert.throws(() => parsePlace(text), { code: 'DESTINATION_INVALID' }, text)
})

test('what lies on this machine is named from anywhere: a docker-archive as the script takes it', () => {
  const here = process.cwd()
  for (const [text, absolute] of [
    ['a/b.tar', `${here}/a/b.tar`],
    ['docker-archive:a:b', `${here}/a:b`],
    ['/a/../b', '/b'],
    ['oci:dir:v1', `oci:${here}/dir:v1`],
    ['oci:/dir', 'oci:/dir'],
    ['oci-archive:f:app/x:v1', `oci-archive:${here}/f:app/x:v1`],
    ['docker://localhost:5000/a', undefined],
    ['docker-daemon:app', undefined],
  ] as const)
    assert.equal(parsePlace(text).absolute, absolute, text)
})
