/** Engines' own commands: found on PATH, bounded, and ended with all that they started. */
import { spawn } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { checkAborted } from '../errors.js'
import { engineFailed } from './failure.js'

/** Bytes of output that are kept: what comes last tells why something failed. */
const KEPT = 64 << 10
/** Milliseconds between asking a program to end and ending it. */
const GRACE = 2_000

/** The first of the programs that PATH has. */
export function findProgram<Name extends string>(
  names: readonly Name[],
  path = process.env.PATH ?? '',
): Name | undefined {
  const directories = path.split(delimiter).filter((directory) => directory !== '')
  return names.find((name) => directories.some((directory) => isProgram(join(directory, name))))
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

interface Call {
  program: string
  args: readonly string[]
  /** Beside this process's own. */
  env?: Readonly<Record<string, string>> | undefined
  /** What fails when it does, as a sentence's beginning. */
  what: string
  signal: AbortSignal
}

/** @returns the end of its output @throws ImageError ENGINE_FAILED in its words, ABORTED when it is ended with its group */
export async function callProgram({ program, args, env, what, signal }: Call): Promise<string> {
  checkAborted(signal)
  // A group of its own, so that what it starts ends with it.
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, ...env },
  })
  const kill = (name: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name)
    } catch {
      // None of them is left.
    }
  }
  let grace: NodeJS.Timeout | undefined
  const killAtOnce = (): void => kill('SIGKILL')
  const stop = (): void => {
    kill('SIGTERM')
    grace ??= setTimeout(() => {
      killAtOnce()
      child.stdout.destroy()
      child.stderr.destroy()
    }, GRACE)
  }
  signal.addEventListener('abort', stop, { once: true })
  process.once('exit', killAtOnce)
  const output = new Tail(child.stdout)
  const errors = new Tail(child.stderr)
  try {
    const status = await new Promise<number | string>((resolve, reject) => {
      child.on('error', (cause) =>
        reject(engineFailed(what, `cannot run ${program}: ${cause.message}`, cause)),
      )
      child.on('close', (code, name) => resolve(code ?? name ?? 'no status'))
    })
    checkAborted(signal)
    if (status !== 0)
      throw engineFailed(what, errors.text || output.text || `${program} ended with ${status}`)
    return output.text
  } finally {
    clearTimeout(grace)
    signal.removeEventListener('abort', stop)
    process.off('exit', killAtOnce)
  }
}

/** The end of what a stream gives. */
class Tail {
  private bytes = Buffer.alloc(0)

  constructor(stream: NodeJS.ReadableStream) {
    stream.on('data', (part: Buffer) => {
      this.bytes = Buffer.concat([this.bytes, part]).subarray(-KEPT)
    })
  }

  get text(): string {
    return this.bytes.toString()
  }
}
