/** Both programs on one configuration, in pairs; ours in variants; and what the machine can do with the same bytes. */
import { rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { digestOf, type Measurement, measure, ours, warm } from '../test/support/measure.js'
import type { Case } from './cases.js'
import type { CaseResult, Results } from './results.js'
import { median, spread } from './statistics.js'
import type { Bench } from './suite.js'

/** Checks first that both write the same bytes. */
export function runCase(it: Case, { work, pairs, reference, say }: Bench): CaseResult {
  const cache = it.cached ? ['--cache', join(work, 'cache')] : []
  const their = it.theirs?.(reference) ?? reference(it.conf)
  const expected = digestOf(their)
  // The first run fills the cache, the second uses it.
  for (const _ of it.cached ? [1, 2] : [1])
    if (digestOf(ours(it.conf, ...cache)) !== expected) throw new Error(`${it.name}: the outputs differ`)
  const file = join(work, 'output.tar')
  const toFile = it.output === 'file'
  const theirs: Measurement[] = []
  const mine: Measurement[] = []
  const first: number[] = []
  for (let i = 0; i < pairs; i++) {
    warm(it.inputs)
    theirs.push(measure(toFile ? file : 'pipe', their))
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

/** Both programs once. @returns how many times as fast ours is */
export function pairOf(it: Case, { reference }: Bench): number {
  warm(it.inputs)
  const theirs = measure('pipe', reference(it.conf))
  return theirs.seconds / measure('pipe', ours(it.conf)).seconds
}

/** Variants of one command, in turn so that none has the machine's better moments. */
export function inTurn(
  variants: { conf: string; inputs: string[]; args: string[] }[],
  { pairs }: Bench,
): { seconds: number; cpu: number; memory: number }[] {
  const runs = variants.map((): Measurement[] => [])
  for (let i = 0; i < pairs; i++)
    for (const [k, { conf, inputs, args }] of variants.entries()) {
      warm(inputs)
      runs[k]!.push(measure('pipe', ours(conf, ...args)))
    }
  return runs.map((of) => ({
    seconds: median(of.map((run) => run.seconds)),
    cpu: median(of.map((run) => run.cpu)),
    memory: Math.max(...of.map((run) => run.memory)),
  }))
}

export function limits(it: Case, { pairs }: Bench): NonNullable<Results['limits']> {
  const parallel = availableParallelism()
  const hash = `find "$@" -type f -print0 | xargs -0 -n 500 -P ${parallel} openssl dgst -sha256`
  return { openssl: timed(it, hash, pairs), tar: tarSeconds(it, pairs) }
}

/** GNU tar, of the same files to a pipe. */
export function tarSeconds(it: Case, runs: number): number {
  return timed(it, 'tar -cf - "$@" 2> /dev/null', runs)
}

function timed(it: Case, script: string, runs: number): number {
  const seconds = Array.from({ length: runs }, () => {
    warm(it.inputs)
    return measure('pipe', ['sh', '-c', script, 'sh', ...it.inputs]).seconds
  })
  return median(seconds)
}
