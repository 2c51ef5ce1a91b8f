/** The command beside servers that live in the test's own process. */
import type { BuildResult } from '../../src/index.js'
import { CLI } from './image.js'
import { type Ended, type Started, startSpawned } from './spawned.js'

export type AsyncRun = Ended

export function startCli(args: readonly string[], env: NodeJS.ProcessEnv = {}): Started {
  return startSpawned(process.execPath, [CLI, ...args], { DOCKER_CONFIG: '/nonexistent', ...env })
}

export function runAsync(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<AsyncRun> {
  return startCli(args, env).ended
}

/** The result that the command prints as one line. */
export function resultOf({ status, stdout, stderr }: AsyncRun): BuildResult {
  if (status !== 0) throw new Error(`status ${status}: ${stderr}`)
  return JSON.parse(stdout) as BuildResult
}
