/** Commands beside servers that live in the test's own process. */
import { type ChildProcess, spawn } from 'node:child_process'

export interface Ended {
  status: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface Started {
  child: ChildProcess
  /** Resolves when the program has printed something, with what it was. */
  spoke: Promise<string>
  /** Rejects when it cannot be started. */
  ended: Promise<Ended>
}

/** Starts a program; one that hangs is killed, some day. */
export function startSpawned(name: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Started {
  const child = spawn(name, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  const timer = setTimeout(() => child.kill('SIGKILL'), 120_000)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const spoke = new Promise<string>((resolve) => child.stdout.once('data', resolve))
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, signal) => {
      clearTimeout(timer)
      resolve({ status, signal, stdout, stderr })
    })
  })
  return { child, spoke, ended }
}

export function spawned(name: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return startSpawned(name, args, env).ended
}
