/**
 * The benchmark: `npm run bench [-- NAME… ] [--pairs N] [--part FRACTION] [--against SCRIPT] [--store-paths PATH…]`. A name
 * is that of a case (`cases.ts`), which both programs run in pairs, or of a suite (`suites.ts`).
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, Option } from 'commander'
import { missing, REFERENCE } from '../test/support/measure.js'
import { CASES, storePathsCase } from './cases.js'
import { pairOf, runCase } from './pairs.js'
import { coresPlot, growthPlot, loadPlot, ratioPlot, workersPlot } from './plots.js'
import { quick } from './quick.js'
import { NOTHING, type Results } from './results.js'
import { SCALES } from './scale.js'
import type { Bench } from './suite.js'
import { SUITES } from './suites.js'
import { tables } from './tables.js'

const names = [...Object.keys(CASES), ...Object.keys(SUITES)]
const command = new Command('npm run bench --')
  .description('Times this project against the two-pass reference on CPython, and measures all that it does.')
  .argument('[names...]', `of ${names.join(', ')}; default: all; or quick, a verdict in two minutes`)
  .option('--pairs <n>', 'how many runs of each, or pairs of runs', '5')
  .option('--part <fraction>', 'how much of the closure is loaded into engines', '1')
  .addOption(
    new Option('--of <things...>', 'of scale: large numbers of what')
      .choices(Object.keys(SCALES))
      .default(Object.keys(SCALES), 'all'),
  )
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
  of: string[]
  against: string
  work: string
  out: string
  storePaths?: string[]
  record?: boolean
}>()
const wanted = command.args.length > 0 ? command.args : options.storePaths ? [] : names
for (const name of wanted)
  if (name !== 'quick' && !names.includes(name))
    command.error(`unknown name "${name}": expected one of ${names.join(', ')}`)

const bench: Bench = {
  work: options.work,
  pairs: Number(options.pairs),
  part: Number(options.part),
  scales: options.of,
  reference: (conf) => ['python3', options.against, conf],
  say: (text) => void process.stderr.write(`${text}\n`),
}
mkdirSync(options.work, { recursive: true })
if (wanted.includes('quick'))
  process.exit(quick(options.work, options.record === true, (it) => pairOf(it, bench), bench.say) ? 0 : 1)

mkdirSync(options.out, { recursive: true })
const cases = wanted.filter((name) => name in CASES).map((name) => CASES[name]!(options.work))
if (options.storePaths !== undefined) cases.push(storePathsCase(options.work, options.storePaths))
const results: Results = {
  ...NOTHING,
  date: new Date().toISOString().slice(0, 10),
  machine: `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GB; Node ${process.version}, ${spawnSync('python3', ['--version'], { encoding: 'utf8' }).stdout.trim()}`,
  command: ['npm run bench --', ...process.argv.slice(2)].join(' ').replace(/ --$/, ''),
  pairs: bench.pairs,
  cases: cases.map((it) => runCase(it, bench)),
}
for (const [name, suite] of Object.entries(SUITES)) {
  if (!wanted.includes(name)) continue
  const lacks = missing(suite.needs)
  if (lacks.length > 0) bench.say(`${name}: left out, it needs ${lacks.join(', ')}`)
  else Object.assign(results, await suite.run(bench))
}

writeFileSync(join(options.out, 'results.json'), `${JSON.stringify(results, null, 2)}\n`)
if (results.cases.length > 0) writeFileSync(join(options.out, 'ratio.svg'), ratioPlot(results))
if (results.load.length > 0) writeFileSync(join(options.out, 'load.svg'), loadPlot(results))
if (results.workers.length > 0) writeFileSync(join(options.out, 'workers.svg'), workersPlot(results))
if (results.cores.length > 0) writeFileSync(join(options.out, 'cores.svg'), coresPlot(results))
if (results.growth.length > 0) writeFileSync(join(options.out, 'growth.svg'), growthPlot(results))
process.stdout.write(`\n${results.date}, ${results.machine}\n\n${tables(results)}`)
