/**
 * Runs the compiled tests, all or those whose path holds one of the arguments (`--quick`: those that take seconds, for
 * daily work), and ends with one line of counts. With CI=true a skipped test is a failure: there, everything the tests need is installed.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'

/**
 * Those that take longest, the longest first, so that none of them runs alone at the end. What is not here takes
 * seconds.
 */
const LONGEST = [
  'e2e/memory',
  'docs/commands',
  'e2e/parity',
  'registry/names',
  'e2e/hostile',
  'e2e/base',
  'engines/docker',
  'e2e/random-stores',
  'e2e/mutations',
  'clients/clients',
  'server/configurations',
  'server/clients',
  'server/serve',
  'comparison/forms',
  'nix/docs',
  'nix/overlay',
  'registry/faults',
  'closure/plan',
  'e2e/scale',
  'e2e/endings',
  'e2e/trust',
  'e2e/destinations',
  'registry/push',
  'cache/cache',
]
/** What says in half a minute whether a change has broken something: without other programs, and without waits. */
const QUICK = [
  'architecture',
  'documents/',
  'e2e/cli',
  'e2e/golden',
  'files/apart',
  'files/partial',
  'layers/contents',
]
QUICK.push(
  'layers/recipes',
  'layers/slices',
  'library',
  'pool/',
  'python/',
  'report/',
  'ring/',
  'spec/',
  'tar/',
  'writers/',
)
const place = (file: string): number => {
  const at = LONGEST.indexOf(file.replace('.test.js', ''))
  return at < 0 ? LONGEST.length : at
}

const root = dirname(fileURLToPath(import.meta.url))
const args = process.argv.slice(2)
const wanted = args[0] === '--quick' ? QUICK : args
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.js'))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1))
  .map((name) => join(root, name))

// A version manager's `python3` is a shell script that takes ten times as long to start as the interpreter behind it.
const python = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' })
if (python.status === 0) process.env.PATH = `${dirname(python.stdout)}:${process.env.PATH}`

const counts = { passed: 0, failed: 0, skipped: 0 }
// A file that takes longer hangs, unless it was asked for more than usual.
const timeout = process.env.RANDOM_STORES === undefined ? 900_000 : 6 * 3600_000
// Many tests wait, for clients or for times that pass: one more than there are cores keeps these busy.
const stream = run({ files, concurrency: availableParallelism() + 1, timeout })
stream.on('test:pass', ({ skip, details }) => {
  if ('type' in details && details.type === 'suite') return
  if (skip === undefined) counts.passed++
  else counts.skipped++
})
stream.on('test:fail', ({ details }) => {
  if ('type' in details && details.type === 'suite') return
  counts.failed++
})
stream.on('end', () => {
  setImmediate(() => {
    process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`)
    const skippedInCi = process.env.CI === 'true' && counts.skipped > 0
    if (counts.failed > 0 || counts.passed === 0 || skippedInCi) process.exitCode = 1
  })
})
stream.compose(new spec()).pipe(process.stdout)
