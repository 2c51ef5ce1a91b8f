/** One Python process that runs many programs: starting it takes longer than they do. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'

const SERVE = fileURLToPath(new URL('../../../test/support/serve.py', import.meta.url))

export interface PythonRun {
  script: string
  arguments: readonly string[]
  input?: string
  /** The path that standard output is written to. */
  output: string
}

export class PythonServer {
  private readonly child: ChildProcess
  private readonly answers: AsyncIterator<string>

  constructor() {
    this.child = spawn('python3', [SERVE], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.answers = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]()
    after(() => this.child.stdin!.end())
  }

  /** Runs a program to its end, one at a time. @returns its standard error; fails the test unless it exits with 0 */
  async run({ input = '', ...rest }: PythonRun): Promise<string> {
    this.child.stdin!.write(`${JSON.stringify({ input, ...rest })}\n`)
    const { value } = await this.answers.next()
    const stderr = readFileSync(`${rest.output}.err`, 'utf8')
    assert.equal(value, '0', `${rest.script}: ${stderr}`)
    return stderr
  }
}
