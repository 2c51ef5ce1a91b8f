/** The command beside servers that live in the test's own process. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { BuildResult } from '../../src/index.js'
import { CLI } from './image.js'

export interface AsyncRun {
  status: number | null
  stdout: string
  stderr: string
}

export function startCli(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): { child: ChildProcess; ended: Promise<AsyncRun> } {
  const child = spawn(process.execPath, [CLI, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DOCKER_CONFIG: '/nonexistent', ...env },
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), 120_000)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<AsyncRun>((resolve) =>
    child.on('close', (status) => {
      clearTimeout(timer)
      resolve({ status, stdout, stderr })
    }),
  )
  return { child, ended }
}

export function runAsync(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<AsyncRun> {
  return startCli(args, env).ended
}

/** The result that the command prints as one line. */
export function resultOf({ status, stdout, stderr }: AsyncRun): BuildResult {
  if (status !== 0) throw new Error(`status ${status}: ${stderr}`)
  return JSON.parse(stdout) as BuildResult
}
