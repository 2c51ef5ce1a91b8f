/**
 * The benchmark: `npm run bench [-- CASE… ] [--pairs N] [--part FRACTION] [--against SCRIPT] [--store-paths PATH…]`. Each case
 * checks first that both programs write the same bytes, then times whole processes in pairs.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { CASES, type Case, growthCase, storePathsCase } from './cases.js'
import { loadCases, missingForLoad } from './load.js'
import { growthPlot, loadPlot, ratioPlot, workersPlot } from './plots.js'
import { CLI, digestOf, type Measurement, measure, REFERENCE, warm } from './programs.js'
import { missingForPush, pushCases } from './push.js'
import { quick } from './quick.js'
import { readCases } from './reading.js'
import { type CaseResult, type Results, table } from './results.js'
import { median, spread } from './statistics.js'

const names = [...Object.keys(CASES), 'workers', 'growth', 'limits', 'push', 'load', 'reading']
const command = new Command('npm run bench --')
  .description('Times this project against the two-pass reference on CPython.')
  .argument('[cases...]', `of ${names.join(', ')}; default: all; or quick, a verdict in two minutes`)
  .option('--pairs <n>', 'how many pairs of runs a case', '5')
  .option('--part <fraction>', 'how much of the closure is loaded into engines', '1')
  .option('--against <script>', 'another Python script in place of the reference', REFERENCE)
  .option(
    '--work <directory>',
    'where inputs are made and kept',
    join(tmpdir(), 'stream-layered-image-bench'),
  )
  .option(
    '--out <directory>',
    'where results and plots go',
    fileURLToPath(new URL('../../bench/results', import.meta.url)),
  )
  .option('--record', 'of quick: what is found is what later runs are compared with')
  .option('--store-paths <paths...>', 'a further case: these store paths, one a layer')
  .parse()
const options = command.opts<{
  pairs: string
  part: string
  against: string
  work: string
  out: string
  storePaths?: string[]
  record?: boolean
}>()
const wanted = command.args.length > 0 ? command.args : options.storePaths ? [] : names
for (const name of wanted)
  if (name !== 'quick' && !names.includes(name))
    command.error(`unknown case "${name}": expected one of ${names.join(', ')}`)
const pairs = Number(options.pairs)

const say = (text: string): void => void process.stderr.write(`${text}\n`)
const ours = (conf: string, ...args: string[]): string[] => [process.execPath, CLI, conf, ...args]
const reference = (conf: string): string[] => ['python3', options.against, conf]

function runCase(it: Case): CaseResult {
  const cache = it.cached ? ['--cache', join(options.work, 'cache')] : []
  const expected = digestOf(reference(it.conf))
  // The first run fills the cache, the second uses it.
  for (const _ of it.cached ? [1, 2] : [1])
    if (digestOf(ours(it.conf, ...cache)) !== expected) throw new Error(`${it.name}: the outputs differ`)
  const file = join(options.work, 'output.tar')
  const toFile = it.output === 'file'
  const theirs: Measurement[] = []
  const mine: Measurement[] = []
  const first: number[] = []
  for (let i = 0; i < pairs; i++) {
    warm(it.inputs)
    theirs.push(measure(toFile ? file : 'pipe', reference(it.conf)))
    rmSync(file, { force: true })
    warm(it.inputs)
    mine.push(measure('pipe', ours(it.conf, ...cache, ...(toFile ? ['-o', file] : []))))
    rmSync(file, { force: true })
    first.push(measure('first', ours(it.conf, ...cache)).firstByte!)
    say(
      `${it.name}: ${theirs[i]!.seconds.toFixed(2)} s / ${mine[i]!.seconds.toFixed(2)} s = ${(theirs[i]!.seconds / mine[i]!.seconds).toFixed(2)}`,
    )
  }
  const ratios = theirs.map((run, i) => run.seconds / mine[i]!.seconds)
  return {
    name: it.name,
    title: it.title,
    target: it.target,
    reference: median(theirs.map((run) => run.seconds)),
    ours: median(mine.map((run) => run.seconds)),
    ratio: median(ratios),
    ratioSpread: spread(ratios),
    referenceCpu: median(theirs.map((run) => run.cpu)),
    oursCpu: median(mine.map((run) => run.cpu)),
    memory: Math.max(...mine.map((run) => run.memory)),
    firstByte: median(first),
  }
}

/** Variants of one command, in turn so that none has the machine's better moments. */
function inTurn(
  variants: { conf: string; inputs: string[]; args: string[] }[],
): { seconds: number; memory: number }[] {
  const runs = variants.map((): Measurement[] => [])
  for (let i = 0; i < pairs; i++)
    for (const [k, { conf, inputs, args }] of variants.entries()) {
      warm(inputs)
      runs[k]!.push(measure('pipe', ours(conf, ...args)))
    }
  return runs.map((of) => ({
    seconds: median(of.map((run) => run.seconds)),
    memory: Math.max(...of.map((run) => run.memory)),
  }))
}

function limits(it: Case): Results['limits'] {
  const timed = (script: string): number =>
    median(
      Array.from({ length: pairs }, () => {
        warm(it.inputs)
        return measure('pipe', ['sh', '-c', script, 'sh', ...it.inputs]).seconds
      }),
    )
  const parallel = availableParallelism()
  return {
    openssl: timed(`find "$@" -type f -print0 | xargs -0 -n 500 -P ${parallel} openssl dgst -sha256`),
    tar: timed('tar -cf - "$@" 2> /dev/null'),
  }
}

mkdirSync(options.work, { recursive: true })
if (wanted.includes('quick')) {
  const pair = (it: Case): number => {
    warm(it.inputs)
    const theirs = measure('pipe', reference(it.conf))
    return theirs.seconds / measure('pipe', ours(it.conf)).seconds
  }
  process.exit(quick(options.work, options.record === true, pair, say) ? 0 : 1)
}
mkdirSync(options.out, { recursive: true })
const all = wanted.filter((name) => name in CASES).map((name) => CASES[name]!(options.work))
if (options.storePaths !== undefined) all.push(storePathsCase(options.work, options.storePaths))
const results: Results = {
  date: new Date().toISOString().slice(0, 10),
  machine: `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GB; Node ${process.version}, ${spawnSync('python3', ['--version'], { encoding: 'utf8' }).stdout.trim()}`,
  command: ['npm run bench --', ...process.argv.slice(2)].join(' ').replace(/ --$/, ''),
  pairs,
  cases: all.map(runCase),
  workers: [],
  growth: [],
  limits: null,
  push: [],
  load: [],
  reading: [],
}
if (wanted.includes('workers')) {
  const it = CASES.closure!(options.work)
  const jobs = [1, 2, 4]
  const runs = inTurn(jobs.map((n) => ({ ...it, args: ['-j', String(n)] })))
  results.workers = jobs.map((n, i) => ({ jobs: n, seconds: runs[i]!.seconds }))
}
if (wanted.includes('growth')) {
  const parts = [1, 2, 4, 8]
  const runs = inTurn(parts.map((eighths) => ({ ...growthCase(options.work, eighths), args: [] })))
  results.growth = parts.map((eighths, i) => ({ eighths, ...runs[i]! }))
}
if (wanted.includes('push')) {
  const missing = missingForPush()
  if (missing.length > 0) say(`push: left out, it needs ${missing.join(', ')}`)
  else results.push = await pushCases(options.work, pairs, reference)
}
if (wanted.includes('load')) {
  const missing = missingForLoad()
  if (missing.length > 0) say(`load: left out, it needs ${missing.join(', ')}`)
  else results.load = await loadCases(options.work, pairs, Number(options.part), reference)
}
if (wanted.includes('reading')) results.reading = readCases(options.work, pairs)
if (wanted.includes('limits')) results.limits = limits(CASES.closure!(options.work))

writeFileSync(join(options.out, 'results.json'), `${JSON.stringify(results, null, 2)}\n`)
if (results.cases.length > 0) writeFileSync(join(options.out, 'ratio.svg'), ratioPlot(results))
if (results.load.length > 0) writeFileSync(join(options.out, 'load.svg'), loadPlot(results))
if (results.workers.length > 0) writeFileSync(join(options.out, 'workers.svg'), workersPlot(results))
if (results.growth.length > 0) writeFileSync(join(options.out, 'growth.svg'), growthPlot(results))
process.stdout.write(`\n${results.date}, ${results.machine}\n\n${table(results)}`)
