/**
 * A verdict in two minutes: three pairs of a few cases, against the ratios that were recorded. A case is red when it is
 * slower than its ratio by more than a tenth in all three pairs: noise makes some of them slow, a change all.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CASES, type Case, growthCase, manyPart } from './cases.js'
import { median } from './statistics.js'

const RECORDED = fileURLToPath(new URL('../../bench/results/quick.json', import.meta.url))
const PAIRS = 3
const SLOWER = 0.9

/** @param pair times both programs once @returns how many times as fast ours is */
export function quick(
  work: string,
  record: boolean,
  pair: (it: Case) => number,
  say: (text: string) => void,
): boolean {
  const cases = [CASES.small!(work), growthCase(work, 1), manyPart(work)]
  const before = existsSync(RECORDED)
    ? (JSON.parse(readFileSync(RECORDED, 'utf8')) as Record<string, number>)
    : {}
  const found: Record<string, number> = {}
  let isRed = false
  for (const it of cases) {
    const ratios = Array.from({ length: PAIRS }, () => pair(it))
    found[it.name] = Number(median(ratios).toFixed(2))
    const recorded = before[it.name]
    const red = recorded !== undefined && Math.max(...ratios) < recorded * SLOWER
    isRed ||= red
    const shown = ratios.map((ratio) => ratio.toFixed(2)).join(', ')
    say(`${red ? 'RED  ' : 'green'} ${it.title}: ${shown}; recorded: ${recorded?.toFixed(2) ?? 'nothing'}`)
  }
  if (record) writeFileSync(RECORDED, `${JSON.stringify(found, null, 2)}\n`)
  return !isRed
}
