/** The command's `serve`, beside a test. */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after } from 'node:test'
import { CLI } from './image.js'

export interface Serving {
  child: ChildProcess
  /** `127.0.0.1:PORT` */
  host: string
  /** Lines of standard error so far. */
  lines: string[]
  /** Resolves with the first line that fits, of those that were and those to come. */
  said(pattern: RegExp): Promise<string>
  /** Exit status, or the signal that ended it. */
  ended: Promise<number | NodeJS.Signals | null>
}

/** Resolves when it listens. It is ended with the test file. */
export async function startServe(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Serving> {
  const listen = args.includes('--listen') ? [] : ['--listen', '127.0.0.1:0']
  const child = spawn(process.execPath, [CLI, 'serve', ...args, ...listen], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, STREAM_LAYERED_IMAGE_CACHE: '', ...env },
  })
  const ended = once(child, 'close').then(([status, signal]) => (status ?? signal) as number | null)
  after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const lines: string[] = []
  const waiting = new Set<() => void>()
  let rest = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop()!
    lines.push(...parts)
    for (const wake of waiting) wake()
  })
  const said = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const line = lines.find((it) => pattern.test(it))
        if (line === undefined) return
        waiting.delete(look)
        resolve(line)
      }
      waiting.add(look)
      ended.then(() => reject(new Error(`it ended without saying ${pattern}: ${lines.join('\n')}`)))
      look()
    })
  const [, host] = /^serving ([^/]*)\//.exec(await said(/^serving /))!
  return { child, host: host!, lines, said, ended }
}
