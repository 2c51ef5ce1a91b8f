/** A thousand runs of the library in one process, each another way: what the process holds on the way. */
import { spawn } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { SlowRegistry } from '../test/support/slow-registry.js'
import type { LeakResult } from './results.js'
import type { Bench } from './suite.js'

const PROCESS = fileURLToPath(new URL('./leaks-process.js', import.meta.url))
const [COUNT, STEP] = [1000, 100]

export async function leaks({ work, say }: Bench): Promise<LeakResult[]> {
  const directory = join(work, 'leaks')
  const temporary = join(work, 'leaks-tmp')
  for (const path of [directory, temporary]) {
    rmSync(path, { recursive: true, force: true })
    mkdirSync(path)
  }
  const registry = await SlowRegistry.start(new Map(), 0)
  try {
    const args = ['--expose-gc', PROCESS, directory, `${COUNT}`, `${STEP}`, registry.host]
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, TMPDIR: temporary },
    })
    const found: LeakResult[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      found.push(JSON.parse(line) as LeakResult)
      say(`leaks: ${line}`)
    }
    if (found.at(-1)?.builds !== COUNT) throw new Error(`leaks: ended after ${found.at(-1)?.builds} builds`)
    return found
  } finally {
    registry.stop()
    for (const path of [directory, temporary]) rmSync(path, { recursive: true, force: true })
  }
}
