/** A program that is asked something: its output is bounded, and it never outlives its question. */
import { spawn } from 'node:child_process'

export interface Question {
  command: string
  args: readonly string[]
  /** Bytes of output after which it is no answer. */
  maxBytes: number
  /** Milliseconds to wait for the answer. */
  patience: number
  signal: AbortSignal | undefined
}

/** Milliseconds between asking a program to end and ending it. */
const GRACE = 500

/**
 * @returns standard output of a program that exits with 0; undefined when it cannot be run, fails, says too
 *   much or takes too long, and when the signal fires. It and what it started are then ended.
 */
export function ask({ command, args, maxBytes, patience, signal }: Question): Promise<string | undefined> {
  if (signal?.aborted) return Promise.resolve(undefined)
  return new Promise((resolve) => {
    // A group of its own, so that what it starts ends with it.
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
    const output: Buffer[] = []
    let bytes = 0
    let given = true
    let grace: NodeJS.Timeout | undefined
    const kill = (name: NodeJS.Signals): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, name)
      } catch {
        // It has ended.
      }
    }
    const killAtOnce = (): void => kill('SIGKILL')
    const giveUp = (): void => {
      given = false
      child.stdout.destroy()
      kill('SIGTERM')
      grace ??= setTimeout(killAtOnce, GRACE)
    }
    const late = setTimeout(giveUp, patience)
    signal?.addEventListener('abort', giveUp)
    process.once('exit', killAtOnce)
    const end = (text: string | undefined): void => {
      clearTimeout(late)
      clearTimeout(grace)
      signal?.removeEventListener('abort', giveUp)
      process.off('exit', killAtOnce)
      resolve(text)
    }
    child.stdout.on('data', (part: Buffer) => {
      bytes += part.length
      if (bytes > maxBytes) giveUp()
      else output.push(part)
    })
    child.on('error', () => end(undefined))
    child.on('close', (status) => end(given && status === 0 ? Buffer.concat(output).toString() : undefined))
  })
}
