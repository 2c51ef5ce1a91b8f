/**
 * A series of closures that changes as real ones do. A package that changes has a new path, and so has all that needs
 * it. Sizes and references are like those of nixpkgs: a few large paths, many small ones; a few libraries that
 * everything needs, many that one program needs.
 */
import { createHash } from 'node:crypto'
import type { Closure, StorePath } from '../src/closure/closure.js'

interface Package {
  name: string
  version: number
  bytes: number
  needs: number[]
}

/** What changes, and the closure behind it. */
export interface Step {
  change: string
  closure: Closure
}

/** @param count how many packages there are, one of them the program */
export function closureSeries(count: number, seed = 1): Step[] {
  const random = randomNumbers(seed)
  const packages = makePackages(count, random)
  const last = count - 1
  const bump = (...indices: number[]): void => {
    for (const index of indices) packages[index]!.version++
  }
  const steps: [string, () => void][] = [
    ['the first image', () => {}],
    ['the program', () => bump(last)],
    ['the program', () => bump(last)],
    ['its configuration', () => bump(last - 1)],
    ['a library that a tenth needs', () => bump(sharedBy(packages, 0.1))],
    ['the program', () => bump(last)],
    [
      'a new library, of the program alone',
      () => {
        packages.splice(last, 0, { name: 'new', version: 0, bytes: 3e6, needs: [0, 1] })
        packages[last + 1]!.needs = packages[last + 1]!.needs.map((it) => (it >= last ? it + 1 : it)).concat(
          last,
        )
        packages[last + 1]!.version++
      },
    ],
    ['the program', () => bump(packages.length - 1)],
    ['a library in the middle, that a third needs', () => bump(sharedBy(packages, 0.33))],
    ['the program', () => bump(packages.length - 1)],
    ['the interpreter', () => bump(largest(packages))],
    ['the program and its configuration', () => bump(packages.length - 1, last - 1)],
    ['libc', () => bump(0)],
    ['the program', () => bump(packages.length - 1)],
    ['a library that a tenth needs', () => bump(sharedBy(packages, 0.1))],
    ['the program', () => bump(packages.length - 1)],
  ]
  return steps.map(([change, apply]) => {
    apply()
    return { change, closure: closureOf(packages) }
  })
}

function makePackages(count: number, random: () => number): Package[] {
  return Array.from({ length: count }, (_, i): Package => {
    // Popular ones are found by going back through what others need.
    const needs = new Set<number>(i > 0 ? [0] : [])
    const wanted = i < 8 ? i : 1 + Math.floor(random() * 5)
    while (needs.size < Math.min(wanted, i)) needs.add(Math.floor(i * random() ** 2))
    // A logarithmic normal distribution around 300 KB; libc and a few others have tens of megabytes.
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    return {
      name: `p${i}`,
      version: 0,
      bytes: i === 0 ? 30e6 : Math.min(2e8, Math.round(3e5 * Math.exp(2 * normal))),
      needs: [...needs],
    }
  }).map((it, i, all) => (i === count - 1 ? programOf(it, all) : it))
}

/** The program needs whatever nothing else does. */
function programOf(program: Package, all: readonly Package[]): Package {
  const needed = new Set(all.slice(0, -1).flatMap(({ needs }) => needs))
  const needs = all.slice(0, -1).flatMap((_, i) => (needed.has(i) ? [] : [i]))
  return { ...program, name: 'program', bytes: 2e6, needs: [0, ...needs.filter((i) => i > 0)] }
}

function closureOf(packages: readonly Package[]): Closure {
  const paths: string[] = []
  const closure = new Map<string, StorePath>()
  for (const { name, version, bytes, needs } of packages) {
    const references = needs.map((i) => paths[i]!)
    const hash = createHash('sha256')
      .update(JSON.stringify([name, version, references]))
      .digest('hex')
    const path = `/nix/store/${hash.slice(0, 32)}-${name}-${version}`
    paths.push(path)
    closure.set(path, { path, narHash: `sha256:${hash}`, size: bytes, references })
  }
  return closure
}

/** The package whose share of packages that need it, in the end, is nearest. */
function sharedBy(packages: readonly Package[], share: number): number {
  const shares = packages.map((_, i) => referrersOf(packages, i) / packages.length)
  const distances = shares.map((it) => Math.abs(it - share))
  return distances.indexOf(Math.min(...distances))
}

function referrersOf(packages: readonly Package[], index: number): number {
  const above = new Set([index])
  for (let i = index + 1; i < packages.length; i++) {
    if (packages[i]!.needs.some((it) => above.has(it))) above.add(i)
  }
  return above.size - 1
}

function largest(packages: readonly Package[]): number {
  const sizes = packages.map(({ bytes, name }) => (name === 'p0' ? 0 : bytes))
  return sizes.indexOf(Math.max(...sizes))
}

/** The same numbers on every machine, from 0 to below 1 (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
