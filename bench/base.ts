import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, renameSync } from 'node:fs'
import { CLI } from './programs.js'

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
