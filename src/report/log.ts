/** Lines for people. All that goes to standard error goes through here. */
import { writeSync } from 'node:fs'
import { systemCode } from '../errors.js'
import { reopenPipe } from '../files/reopen.js'
import { escapeUnprintable } from '../python/repr.js'

/**
 * The text as one line that does nothing to a terminal and looks like what it is: characters that Python's
 * `str.isprintable` refuses (line breaks, escape sequences, marks that turn the direction of text, bytes that are not
 * UTF-8) are shown as `repr` shows them. What is printable keeps its bytes, backslashes too.
 */
export function printable(text: string): string {
  return /^[ -~]*$/.test(text) ? text : Array.from(text, escapeUnprintable).join('')
}

/** How often a full pipe is tried, a millisecond apart, before a line is given up. */
const TRIES = 1000
/** What is left of them: who does not read is waited for once, not for every line. */
let tries = TRIES

let descriptor: number | undefined

/** Something that stands below the lines, and makes room for them. */
interface Display {
  clear(): void
  draw(): unknown
}

let display: Display | undefined
let isJson = false

/** From now on lines are written above the display; undefined: there is none any more. */
export function setDisplay(shown: Display | undefined): void {
  display = shown
}

/** From now on standard error takes a JSON document a line, and nothing else. */
export function speakJson(): void {
  isJson = true
}

/** Writes a line to standard error, {@link printable}. */
export function log(line: string): void {
  if (isJson) logJson({ type: 'message', text: printable(line) })
  else {
    display?.clear()
    write(`${printable(line)}\n`)
    display?.draw()
  }
}

/** Writes a document and the time to standard error, in a line of ASCII. */
export function logJson(document: object): void {
  const text = JSON.stringify({ time: new Date().toISOString(), ...document })
  write(`${text.replaceAll(/[^ -~]/g, escapeUnit)}\n`)
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** Tells of a failure and what helps. */
export function logFailure({
  message,
  code,
  hint,
}: {
  message: string
  code?: string | undefined
  hint?: string | undefined
}): void {
  if (isJson) logJson({ type: 'failed', ...{ message, code, hint } })
  else {
    log(`stream-layered-image: error: ${message}${code === undefined ? '' : ` [${code}]`}`)
    if (hint !== undefined) log(`stream-layered-image: hint: ${hint}`)
  }
}

/**
 * Writes to standard error as it is. What cannot be written is lost: a closed standard error, or one that nobody reads, is
 * no reason to fail or to wait.
 */
export function write(text: string): void {
  const bytes = Buffer.from(text)
  descriptor ??= reopenPipe(2) ?? 2
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(descriptor, bytes, done)
      tries = TRIES
    } catch (error) {
      if (systemCode(error) !== 'EAGAIN' || tries === 0) return
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
      tries--
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
