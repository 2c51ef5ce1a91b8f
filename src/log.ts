/** Lines for people. All that goes to standard error goes through here. */
import { writeSync } from 'node:fs'
import { systemCode } from './errors.js'
import { escapeUnprintable } from './python/repr.js'

/**
 * The text as one line that does nothing to a terminal and looks like what it is: characters that Python's
 * `str.isprintable` refuses (line breaks, escape sequences, marks that turn the direction of text, bytes that are not
 * UTF-8) are shown as `repr` shows them. What is printable keeps its bytes, backslashes too.
 */
export function printable(text: string): string {
  return /^[ -~]*$/.test(text) ? text : Array.from(text, escapeUnprintable).join('')
}

/**
 * Writes a line to standard error, {@link printable}. What cannot be written is lost: a closed standard error is no
 * reason to fail.
 */
export function log(line: string): void {
  const bytes = Buffer.from(`${printable(line)}\n`)
  let done = 0
  for (let tries = 0; done < bytes.length && tries < 1000; ) {
    try {
      done += writeSync(2, bytes, done)
    } catch (error) {
      if (systemCode(error) !== 'EAGAIN') return
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
      tries++
    }
  }
}

/** Writes a failure's stack, and those of its causes. Lines of a message cannot be taken for lines of ours. */
export function logStacks(error: Error): void {
  for (let at: unknown = error; at !== undefined; at = at instanceof Error ? at.cause : undefined) {
    const text = at instanceof Error ? (at.stack ?? at.message) : String(at)
    for (const line of text.split('\n')) log(/^ {4}at /.test(line) ? line : `| ${line}`)
  }
}
