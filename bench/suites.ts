/** Every benchmark that is no case of both programs, by its name. */
import { CASES, growthCase } from './cases.js'
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

async function workers(bench: Bench): ReturnType<Suite['run']> {
  const it = CASES.closure!(bench.work)
  const jobs = [1, 2, 4]
  const runs = inTurn(
    jobs.map((n) => ({ ...it, args: ['-j', String(n)] })),
    bench,
  )
  return { workers: jobs.map((n, i) => ({ jobs: n, seconds: runs[i]!.seconds })) }
}

async function growth(bench: Bench): ReturnType<Suite['run']> {
  const parts = [1, 2, 4, 8]
  const runs = inTurn(
    parts.map((eighths) => ({ ...growthCase(bench.work, eighths), args: [] })),
    bench,
  )
  return { growth: parts.map((eighths, i) => ({ eighths, ...runs[i]! })) }
}
