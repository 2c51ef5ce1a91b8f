/** What the parts of a build take on this machine, each measured by itself, with the program's own functions. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { LayerPool } from '../../src/pool/pool.js'
import { writeConf } from '../../test/support/image.js'
import { measure, ours } from '../../test/support/measure.js'
import { median } from '../statistics.js'
import type { Measured } from './layer-costs.js'
import type { Costs } from './model.js'

const PIPED = 2 ** 30
const RUNS = 3

/** Those that are the same for all inputs. @param isAlone whether there is but one core, which writer and reader of a pipe share */
export async function commonCosts(work: string, isAlone: boolean): Promise<Omit<Costs, 'layers' | 'hash'>> {
  const directory = join(work, 'nothing')
  mkdirSync(directory, { recursive: true })
  const nothing = writeConf(directory, { store_layers: [] })
  const repeat = <T>(run: () => T): T[] => Array.from({ length: RUNS }, run)
  const start = median(repeat(() => measure('pipe', ours(nothing)).seconds))
  const pipes = repeat(() => pipe(isAlone ? 0 : 1))
  return {
    start,
    thread: await threadStart(),
    write: median(pipes.map(({ write }) => write)),
    take: median(pipes.map(({ take }) => take)),
  }
}

/** Of an input's layers. @param conf the path of its configuration @param threads how many do the same at once */
export async function layerCosts(conf: string, threads: number): Promise<Pick<Costs, 'layers' | 'hash'>> {
  const { store_layers } = JSON.parse(readFileSync(conf, 'utf8')) as { store_layers: string[][] }
  const all = await Promise.all(Array.from({ length: threads }, () => inThread(store_layers)))
  const { layers, hash } = all[0]!
  const half = store_layers.flat().length / 2
  const isMost = (i: number): boolean => store_layers[i]!.length >= 32 && store_layers[i]!.length > half
  return { layers: layers.map((layer, i) => ({ ...layer, isMost: isMost(i) })), hash }
}

async function inThread(layers: string[][]): Promise<Measured> {
  const thread = new Worker(new URL('./layer-costs.js', import.meta.url), { workerData: layers })
  const [measured] = (await once(thread, 'message')) as [Measured]
  return measured
}

/** From asking for a thread until it has done a task that is none. */
async function threadStart(): Promise<number> {
  const seconds: number[] = []
  const owner = { mtime: 1, uid: 0n, gid: 0n, uname: 'root', gname: 'root' }
  for (let i = 0; i < RUNS; i++) {
    const pool = new LayerPool(1, new AbortController().signal)
    const start = performance.now()
    await pool.run('plan', { paths: [], owner }, 'nothing')
    seconds.push((performance.now() - start) / 1000)
    await pool.close()
  }
  return median(seconds)
}

/** CPU seconds for a byte, of who writes, on core 0, and who reads. */
function pipe(readersCore: number): { write: number; take: number } {
  const writer = fileURLToPath(new URL('./pipe-process.js', import.meta.url))
  const script = 'taskset -c 0 "$1" "$2" "$3" | { taskset -c "$4" cat > /dev/null; times; }'
  const { stdout, stderr } = spawnSync(
    'sh',
    ['-c', script, 'sh', process.execPath, writer, `${PIPED}`, `${readersCore}`],
    { encoding: 'utf8' },
  )
  return { write: Number(stderr) / PIPED, take: childSeconds(stdout) / PIPED }
}

/** The second line of `times` has the user and system time of what the shell ran: `0m0.05s 0m0.61s`. */
function childSeconds(times: string): number {
  const all = [
    ...times
      .trim()
      .split('\n')[1]!
      .matchAll(/(\d+)m([\d.]+)s/g),
  ]
  return all.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0)
}
