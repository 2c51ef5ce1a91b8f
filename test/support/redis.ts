/** A real Redis server of a test's own. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { start, until } from './clients.js'
import { freePort } from './registry.js'

export interface Redis {
  port: number
  /** `redis://127.0.0.1:PORT` */
  url: string
  /** Runs redis-cli. @returns what it prints, trimmed */
  call(...args: string[]): string
}

/** @param directory for its log @param password that it demands */
export async function startRedis(directory: string, password?: string): Promise<Redis> {
  const port = await freePort()
  const log = join(directory, `redis-${port}.log`)
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', directory]
  start('redis-server', [...options, ...(password === undefined ? [] : ['--requirepass', password])], log)
  const env = { ...process.env, ...(password !== undefined && { REDISCLI_AUTH: password }) }
  const call = (...args: string[]): string =>
    spawnSync('redis-cli', ['-p', String(port), ...args], { encoding: 'utf8', env }).stdout.trim()
  await until('redis-server', () => call('ping') === 'PONG', log)
  return { port, url: `redis://127.0.0.1:${port}`, call }
}
