/** Every benchmark that is no case of both programs, by its name. */
import { CASES, growthCase } from './cases.js'
import { cores } from './cores.js'
import { leaks } from './leaks.js'
import { FOR_LOAD, loadCases } from './load.js'
import { inTurn, limits } from './pairs.js'
import { FOR_PUSH, pushCases } from './push.js'
import { readCases } from './reading.js'
import { scale } from './scale.js'
import type { Bench, Suite } from './suite.js'
import { waysOut, waysToEngines } from './ways.js'

export const SUITES: Record<string, Suite> = {
  workers: { needs: [], run: workers },
  growth: { needs: [], run: growth },
  cores: { needs: ['taskset', 'tar'], run: async (bench) => ({ cores: await cores(bench) }) },
  limits: { needs: [], run: async (bench) => ({ limits: limits(CASES.closure!(bench.work), bench) }) },
  push: {
    needs: FOR_PUSH,
    run: async ({ work, pairs, reference }) => ({ push: await pushCases(work, pairs, reference) }),
  },
  load: {
    needs: FOR_LOAD,
    run: async ({ work, pairs, part, reference }) => ({
      load: await loadCases(work, pairs, part, reference),
    }),
  },
  reading: { needs: [], run: async ({ work, pairs }) => ({ reading: readCases(work, pairs) }) },
  ways: { needs: [], run: async (bench) => ({ ways: await waysOut(bench) }) },
  engines: { needs: [], run: async (bench) => ({ engines: await waysToEngines(bench) }) },
  leaks: { needs: [], run: async (bench) => ({ leaks: await leaks(bench) }) },
  scale: { needs: [], run: async (bench) => ({ scale: await scale(bench) }) },
}

/** Also with more threads than there are cores. */
async function workers(bench: Bench): ReturnType<Suite['run']> {
  const variants = ['closure', 'dominated'].flatMap((name) => {
    const it = CASES[name]!(bench.work)
    return [1, 2, 3, 4, 8].map((jobs) => ({ ...it, jobs, args: ['-j', String(jobs)] }))
  })
  const runs = inTurn(variants, bench)
  return { workers: variants.map(({ name, title, jobs }, i) => ({ name, title, jobs, ...runs[i]! })) }
}

async function growth(bench: Bench): ReturnType<Suite['run']> {
  const parts = [1, 2, 4, 8]
  const runs = inTurn(
    parts.map((eighths) => ({ ...growthCase(bench.work, eighths), args: [] })),
    bench,
  )
  return {
    growth: parts.map((eighths, i) => ({ eighths, seconds: runs[i]!.seconds, memory: runs[i]!.memory })),
  }
}
