/** Damaged base images, 2,000 of them: each is read as CPython reads it, or is one error; in little memory. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { documents, makeTar, noise, type TarMember } from '../support/base.js'
import { ORACLE, sha256File, writeConf } from '../support/image.js'
import { runMeasured } from '../support/measured.js'
import { mutate, repairChecksums } from '../support/mutate.js'
import { skipWithoutPython } from '../support/python.js'
import { readBase } from '../support/read-base.js'
import { scratchDirectory } from '../support/scratch.js'

const path = scratchDirectory()

const layers: TarMember[] = [
  { name: 'one/layer.tar', data: noise(3000, 1) },
  { name: 'two/layer.tar', data: noise(70_000, 2) },
]

test('2,000 mutations: what the oracle makes of it, or BASE_INVALID', {
  skip: skipWithoutPython,
}, async () => {
  const base = readFileSync(
    makeTar(join(path, 'base.tar'), [
      { name: 'link.tar', type: '2', linkname: 'one/layer.tar' },
      ...layers,
      ...documents({ layers: [layers[0]!, { name: 'link.tar' }, layers[1]!] }),
    ]),
  )
  const gnu = readFileSync(
    makeTar(
      join(path, 'gnu.tar'),
      [
        { name: `${'long/'.repeat(30)}layer.tar`, data: 'x' },
        ...documents({ layers: [{ name: `${'long/'.repeat(30)}layer.tar` }] }),
      ],
      { format: 'GNU' },
    ),
  )
  const ours: (string | null)[] = []
  const cases: string[] = []
  for (let seed = 0; seed < 2000; seed++) {
    const damaged = mutate(seed % 4 === 3 ? gnu : base, seed)
    const file = join(path, `${seed}.tar`)
    writeFileSync(file, seed % 2 === 0 ? damaged : repairChecksums(damaged))
    cases.push(file)
    const found = await readBase(file)
    ours.push('layers' in found ? found.layers : null)
  }
  const oracle = fileURLToPath(new URL('../../../test/support/read-bases.py', import.meta.url))
  const { stdout, status, stderr } = spawnSync('python3', [oracle], {
    input: cases.join('\n'),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  assert.equal(status, 0, stderr)
  const theirs = stdout.trimEnd().split('\n')
  let accepted = 0
  for (const [i, found] of ours.entries()) {
    if (found === null) continue
    accepted++
    assert.equal(found, theirs[i], cases[i])
  }
  assert.ok(accepted > 100 && accepted < 1900, `${accepted} accepted`)
  const peak = process.resourceUsage().maxRSS / 1024
  assert.ok(peak < 350, `${peak} MB at the most`)

  // The whole command on every fiftieth: the same bytes as the oracle's, or one line; never much memory.
  for (const file of cases.filter((_, i) => i % 50 === 3)) {
    const conf = writeConf(path, { from_image: file })
    const run = runMeasured(conf)
    const oracle = spawnSync('sh', ['-c', `python3 "$0" "$1" 2> /dev/null | sha256sum`, ORACLE, conf], {
      encoding: 'utf8',
    })
    if (run.status === 0) assert.equal(sha256File(run.output), oracle.stdout.slice(0, 64), file)
    else assert.match(run.stderr, /error: .*\[(BASE_INVALID|FILE_CHANGED)\]\n(.*hint: .*\n)?$/, file)
    assert.ok(run.memory > 1e6 && run.memory < 350e6, `${file}: ${run.memory} bytes`)
  }
})
