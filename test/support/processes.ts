/** What a process is at, as /proc shows it. */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'

/** Waits until the process has a file open whose path matches. Fails when it ends before. */
export async function isOpen(child: ChildProcess, path: RegExp): Promise<void> {
  while (child.exitCode === null && child.signalCode === null) {
    if (openFiles(child.pid!).some((name) => path.test(name))) return
    await setTimeout(5)
  }
  assert.fail(`the process ended before it opened ${path}`)
}

function openFiles(pid: number): string[] {
  const directory = `/proc/${pid}/fd`
  try {
    return readdirSync(directory).flatMap((fd) => {
      try {
        return [readlinkSync(`${directory}/${fd}`)]
      } catch {
        // It was closed meanwhile.
        return []
      }
    })
  } catch {
    return []
  }
}

/** The most memory that the process has had so far, in bytes. */
export function peakMemory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return 1024 * Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1])
}
