/** A file that another process writes through a mapping, so that neither mtime nor ctime tell of it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'

const HOLD = fileURLToPath(new URL('../../../test/support/hold-mapping.py', import.meta.url))

/** Where files must lie for that: other file systems note the first write to each page. */
export const MAPPED = '/dev/shm'
export const skipWithoutMapped = existsSync(MAPPED) ? false : `needs ${MAPPED}`

export class Mapping {
  private readonly child: ChildProcess
  private readonly answers: AsyncIterator<string>

  /** @param path a file that is not empty */
  constructor(path: string) {
    this.child = spawn('python3', [HOLD, path], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.answers = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]()
    after(() => this.child.kill('SIGKILL'))
  }

  /** Resolves when it is mapped, and the byte is written. */
  write(offset: number, byte: number): Promise<void> {
    return this.ask(`write ${offset} ${byte}`)
  }

  /** Resolves when the whole file has been written anew; that goes on until {@link rest}. */
  hammer(): Promise<void> {
    return this.ask('hammer')
  }

  rest(): Promise<void> {
    return this.ask('')
  }

  private async ask(line: string): Promise<void> {
    this.child.stdin!.write(`${line}\n`)
    if ((await this.answers.next()).done) throw new Error(`hold-mapping.py ended before "${line}" was done`)
  }
}
