/**
 * Whether anybody still reads a pipe, asked without writing to it. The kernel tells a writer only when it
 * writes, and Node cannot poll a descriptor for its other end; so the descriptors of all processes that
 * this one may look at (proc(5), `/proc/PID/fd`) are searched for the pipe.
 */
import { lstatSync, readdirSync, readlinkSync } from 'node:fs'

export class PipeReaders {
  /** A descriptor that was seen reading the pipe, `/proc/PID/fd/N`. */
  private seen: string | undefined

  /** What links to the pipe's descriptors read: `pipe:[INODE]`, of a pipe with a name its path. */
  private readonly link: string | undefined

  /** @param fd an open descriptor of the pipe */
  constructor(fd: number) {
    this.link = linkOf(`/proc/self/fd/${fd}`)
  }

  /** True when a reader was seen before and now there is none; a reader that cannot be seen is never gone. */
  gone(): boolean {
    if (this.seen !== undefined && this.reads(this.seen)) return false
    const before = this.seen
    this.seen = this.find()
    return before !== undefined && this.seen === undefined
  }

  private find(): string | undefined {
    for (const pid of names('/proc')) {
      if (!/^\d+$/.test(pid)) continue
      const folder = `/proc/${pid}/fd`
      for (const fd of names(folder)) if (this.reads(`${folder}/${fd}`)) return `${folder}/${fd}`
    }
    return undefined
  }

  private reads(descriptor: string): boolean {
    try {
      if (this.link === undefined || readlinkSync(descriptor) !== this.link) return false
      // The link's own mode tells what the descriptor was opened for.
      return (lstatSync(descriptor).mode & 0o400) !== 0
    } catch {
      return false
    }
  }
}

function linkOf(descriptor: string): string | undefined {
  try {
    return readlinkSync(descriptor)
  } catch {
    return undefined
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
