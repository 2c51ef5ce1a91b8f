import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { CLI, runCli, runTo, sha256File, writeConf } from '../support/image.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const directory = join(root, 'image')
mkdirSync(directory)
const conf = writeConf(directory, {})
const expected = sha256File(runCli(conf).output)
/** A name as Nix gives them. */
const HASHED = '0c0m3v1p2n6s8q9z4x7y5w3a1b2d4f6g'

function write(name: string, content: string | Buffer): string {
  const path = join(root, name)
  writeFileSync(path, content)
  return path
}

function refused(name: string, pattern: RegExp): void {
  const { status, stderr } = runTo(join(root, 'refused.tar'), process.execPath, [CLI, name])
  assert.equal(status, 1)
  assert.match(stderr, pattern)
  assert.ok(stderr.trimEnd().split('\n').length <= 2, stderr)
}

test('a directory that holds conf.json, a gzipped one, and standard input', () => {
  const gzipped = write('conf.json.gz', gzipSync(readFileSync(conf)))
  for (const name of [directory, `${directory}/`, gzipped]) {
    const run = runTo(join(root, 'out.tar'), process.execPath, [CLI, name])
    assert.deepEqual([run.status, sha256File(run.output)], [0, expected], run.stderr)
    assert.ok(!run.stderr.includes('Using'), run.stderr)
  }
  for (const input of [readFileSync(conf), gzipSync(readFileSync(conf))]) {
    const output = join(root, 'piped.tar')
    const { status, stderr } = spawnSync(process.execPath, [CLI, '-', '-o', output], { input })
    assert.deepEqual([status, sha256File(output)], [0, expected], String(stderr))
  }
  const piped = spawnSync('sh', ['-c', `cat ${conf} | "$0" "$1" - | sha256sum`, process.execPath, CLI])
  assert.equal(String(piped.stdout).slice(0, 64), expected)
})

test('a script of streamLayeredImage: its configuration is found in it, and named', () => {
  const named = write(`${HASHED}-image-conf.json`, readFileSync(conf))
  const text = `#! /bin/sh -e\nexec "/store/${HASHED}-stream"  ${named} "$@" \n`
  for (const script of [
    write('script', text),
    write('binary', `\x7fELF\0\0exec\0${named}\0 '${named}' \0`),
  ]) {
    chmodSync(script, 0o755)
    const run = runTo(join(root, 'out.tar'), process.execPath, [CLI, script])
    assert.deepEqual([run.status, sha256File(run.output)], [0, expected], run.stderr)
    assert.match(run.stderr, new RegExp(`^Using ${named}, as ${script} does\n`))
  }
})

test('what is no configuration gets an error that says what to do', () => {
  const empty = join(root, `${HASHED}-hello-2.12`)
  mkdirSync(empty)
  refused(empty, /hint: for an image of a store path: stream-layered-image plan \/.*hello-2\.12 -o DIR/)
  mkdirSync(join(root, 'empty'))
  refused(
    join(root, 'empty'),
    /expected a conf\.json, .*found a directory without it.*\n.*hint: .*myImage\.conf/,
  )
  refused(write(`${HASHED}-tool`, '#!/bin/sh\necho\n'), /found a program that names none .*\n.*plan/)
  refused(write(`${HASHED}-hello.drv`, 'Derive([],[])'), /hint: it is not built yet: nix-build it/)
  const twice = `${root}/${HASHED}-a-conf.json ${root}/${HASHED}-b-conf.json`
  refused(write('two', `#!/bin/sh\nexec x ${twice}\n`), /expected a script with one configuration, found 2/)
  const { output } = runCli(conf)
  refused(output, /found a tar archive.*\n.*hint: .*stream-layered-image copy/)
  refused(write('image.tar.gz', gzipSync(readFileSync(output))), /found a tar archive/)
  const large = Buffer.concat([readFileSync(output), Buffer.alloc(65 << 20)])
  for (const image of [write('large.tar', large), write('large.tar.gz', gzipSync(large, { level: 1 }))])
    refused(image, /found a tar archive.*\n.*hint: .*stream-layered-image copy \//)
  for (const [name, magic] of [
    ['image.xz', '\xfd7zXZ\0'],
    ['image.zst', '\x28\xb5\x2f\xfd'],
  ] as const)
    refused(
      write(name, Buffer.from(`${magic}x`, 'latin1')),
      /found a tar archive.*\n.*stream-layered-image copy/,
    )
  refused(write('broken.gz', gzipSync('{"a": 1}').subarray(0, 12)), /gzip data that is damaged/)
  refused(write('bomb.gz', gzipSync(Buffer.alloc(65 << 20))), /damaged or too large/)
})
