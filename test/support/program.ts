/** Small programs on the compiled modules, in processes of their own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Compiled modules, for `import` in a program. */
export const SRC = fileURLToPath(new URL('../../src/', import.meta.url))

export interface Program {
  child: ChildProcess
  /** Resolves when the program has printed something, with what it was. */
  spoke: Promise<string>
  ended: Promise<{ status: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }>
}

/** Runs the text of an ES module; `SRC` in it stands for the folder of compiled modules. */
export function startProgram(text: string, env: NodeJS.ProcessEnv = {}): Program {
  const child = spawn(process.execPath, ['--input-type=module', '-e', text.replaceAll('SRC/', SRC)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000)
  let stdout = ''
  let stderr = ''
  const spoke = new Promise<string>((resolve) => child.stdout.once('data', (data) => resolve(String(data))))
  child.stdout.on('data', (data) => {
    stdout += data
  })
  child.stderr.on('data', (data) => {
    stderr += data
  })
  const ended = new Promise<Awaited<Program['ended']>>((resolve) =>
    child.on('close', (status, signal) => {
      clearTimeout(timer)
      resolve({ status, signal, stdout, stderr })
    }),
  )
  return { child, spoke, ended }
}
