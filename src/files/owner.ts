/**
 * Which process a temporary file or a lock belongs to, written into its name, so that others can tell whether
 * that process still runs. A process number alone would not do: numbers are used again, and differ from
 * machine to machine and from container to container.
 */
import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { systemCode } from '../errors.js'

/** `unknown`: it ran on another machine, in another container, or cannot be looked at. */
type Life = 'alive' | 'gone' | 'unknown'

const OWNER = /^([0-9a-f]{8})-([0-9a-f]{8})-(\d{1,10})-(\d{1,20})$/

let own: string | undefined

/** This process: where its number counts, since which boot, its number, when it started. Letters, digits, `-`. */
export function ownOwner(): string {
  own ??= [place(), boot(), process.pid, startOf('self') ?? '0'].join('-')
  return own
}

export function lifeOf(owner: string): Life {
  const [, where, since, pid, start] = OWNER.exec(owner) ?? []
  if (pid === undefined || where !== place()) return 'unknown'
  if (since !== boot()) return 'gone'
  const found = startOf(pid)
  if (found !== undefined) return found === start ? 'alive' : 'gone'
  try {
    process.kill(Number(pid), 0)
    return 'unknown'
  } catch (error) {
    return systemCode(error) === 'ESRCH' ? 'gone' : 'unknown'
  }
}

/** The host and, on Linux, the namespace of process numbers. */
function place(): string {
  return short(`${hostname()}\n${read('/etc/machine-id')}\n${namespace()}`)
}

function boot(): string {
  return short(read('/proc/sys/kernel/random/boot_id'))
}

function namespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}

/** When a process started, in clock ticks since the boot (proc(5), `stat`, field 22); undefined when it is not seen. */
function startOf(pid: string): string | undefined {
  const stat = read(`/proc/${pid}/stat`)
  // The command's name before it, in parentheses, may hold anything.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return state === 'Z' || state === 'X' ? 'ended' : fields[18]
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function short(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}
