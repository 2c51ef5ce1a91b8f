import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, renameSync } from 'node:fs'
import { CLI } from '../test/support/measure.js'

export type Packing = 'gzip' | 'zstd' | 'xz'

/** What packs standard input: all at a level at which that takes less than a minute. */
const PACKERS: Record<Packing, string> = { gzip: 'gzip -1', zstd: 'zstd -q -3', xz: 'xz -1' }

/** A base as it was made, packed, unless it is there already. @returns its path */
export function packBase(path: string, packing: Packing, plain: string): string {
  if (existsSync(path)) return path
  const { status } = spawnSync('sh', ['-c', `${PACKERS[packing]} < "$1" > "$2"`, 'sh', plain, `${path}.part`])
  if (status !== 0) throw new Error(`${packing} failed with status ${status}`)
  renameSync(`${path}.part`, path)
  return path
}

/** An image of `conf` as a base for another, unless it is there already. @returns its path */
export function makeBase(path: string, conf: string): string {
  if (existsSync(path)) return path
  const fd = openSync(`${path}.part`, 'w')
  const { status } = spawnSync(process.execPath, [CLI, conf], { stdio: ['ignore', fd, 'ignore'] })
  closeSync(fd)
  if (status !== 0) throw new Error(`building the base image failed with status ${status}`)
  renameSync(`${path}.part`, path)
  return path
}
