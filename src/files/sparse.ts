/** Files in which zeros take no room: they are left out, and the size is set at the end. */
import { writeSync } from 'node:fs'

const ZEROS = Buffer.alloc(1 << 20)

/** Of more than a mebibyte, false. */
export function isZero(bytes: Uint8Array): boolean {
  return bytes.length <= ZEROS.length && ZEROS.compare(bytes, 0, bytes.length, 0, bytes.length) === 0
}

/** @param offset in the file, in bytes @throws the system's error */
export function writeAll(fd: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(fd, bytes, done, bytes.length - done, offset + done)
}
