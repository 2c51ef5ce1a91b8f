import { writeSync } from 'node:fs'
import { systemCode } from './errors.js'

/**
 * Writes a line to standard error. Lone surrogates are shown as Python's `backslashreplace` does. What
 * cannot be written is lost: a closed standard error is no reason to fail.
 */
export function log(line: string): void {
  const bytes = Buffer.from(
    `${line.replace(/\p{Surrogate}/gu, (unit) => `\\u${unit.charCodeAt(0).toString(16)}`)}\n`,
  )
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
