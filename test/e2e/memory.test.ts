/** Memory stays flat, however large the image: contents go through, on every way out, and none are kept. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { CLI, writeConf } from '../support/image.js'
import { measure } from '../support/measure.js'
import { peakMemory } from '../support/processes.js'
import { skipWithoutPython } from '../support/python.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
/** What a build may take, in bytes. */
const LIMIT = 350e6
/** An image of so many bytes: a layer of half of them, and eight that share the other half. */
function sparseImage(name: string, size: number): string {
  const directory = join(root, name)
  mkdirSync(directory)
  const layers = Array.from({ length: 9 }, (_, i) => {
    const path = join(directory, `sparse-${i}`)
    assert.equal(spawnSync('truncate', ['-s', String(i === 0 ? size / 2 : size / 16), path]).status, 0)
    return [path]
  })
  return writeConf(directory, { store_layers: layers })
}

/** Three times what a build may take. */
const large = [process.execPath, CLI, sparseImage('large', 2 ** 30)]

function assertFlat(memory: number): void {
  assert.ok(memory > 10e6 && memory < LIMIT, `${memory} bytes`)
}

describe('images of gigabytes take less than 350 MB', { skip: skipWithoutPython }, () => {
  test('through a pipe', () => assertFlat(measure('pipe', large).memory))

  test('through a pipe, in 2,000 layers', () => {
    const directory = join(root, 'many')
    mkdirSync(directory)
    const paths = Array.from({ length: 2000 }, (_, i) => join(directory, `sparse-${i}`))
    assert.equal(spawnSync('truncate', ['-s', '512K', ...paths]).status, 0)
    const conf = writeConf(directory, { store_layers: paths.map((path) => [path]) })
    assertFlat(measure('pipe', [process.execPath, CLI, conf]).memory)
  })

  const outputs: [string, ...string[]][] = [
    ['FILE'],
    ['oci:FILE'],
    ['oci-archive:FILE'],
    ['oci:FILE', '--compress', 'gzip:1'],
    ['oci-archive:FILE', '--compress', 'zstd:1'],
  ]
  for (const [destination, ...options] of outputs)
    test(`to ${[destination, ...options].join(' ')}`, () => {
      const file = join(root, 'out')
      const { memory } = measure('pipe', [...large, '-o', destination.replace('FILE', file), ...options])
      rmSync(file, { recursive: true })
      assertFlat(memory)
    })

  test('on a base, plain and compressed', () => {
    const base = join(root, 'base')
    measure(base, [process.execPath, CLI, sparseImage('base-image', 3 * 2 ** 28)])
    const top = join(root, 'top')
    mkdirSync(top)
    assertFlat(measure('pipe', [process.execPath, CLI, writeConf(top, { from_image: base })]).memory)
    assert.equal(spawnSync('gzip', ['-1', base]).status, 0)
    const compressed = writeConf(top, { from_image: `${base}.gz` })
    const { memory } = measure('pipe', [process.execPath, CLI, compressed])
    rmSync(`${base}.gz`)
    assertFlat(memory)
  })

  test('to a reader that is slower than the threads', async () => {
    const child = spawn(large[0]!, large.slice(1), { stdio: ['ignore', 'pipe', 'ignore'] })
    let left = 256 << 20
    for await (const chunk of child.stdout) {
      left -= (chunk as Buffer).length
      if (left < 0) {
        assertFlat(peakMemory(child.pid!))
        break
      }
      await setTimeout(1)
    }
    assert.ok(left < 0)
    child.kill('SIGKILL')
  })
})

test('a program that keeps what it reads takes more', { skip: skipWithoutPython }, () => {
  const preload = join(root, 'keep.cjs')
  const hoard = `const fs = require('node:fs'); const { readSync } = fs; const kept = []; let left = 600e6
    fs.readSync = (fd, buffer, offset, ...rest) => {
      const count = readSync(fd, buffer, offset, ...rest)
      if ((left -= count) > 0) kept.push(Buffer.from(buffer.subarray(offset, offset + count)))
      return count
    }`
  writeFileSync(preload, hoard)
  const { memory } = measure('pipe', ['env', `NODE_OPTIONS=--require ${preload}`, ...large])
  assert.ok(memory > LIMIT, `${memory} bytes`)
})
