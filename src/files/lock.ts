/**
 * A lock between processes that does not outlive its holder, made of what every file system has. The lock is a
 * symbolic link, which appears with its text at once; the text names its holder. A holder that is gone is
 * relieved by whoever gets the lock on relieving just that holder: so of several that find it gone, one
 * removes its lock, and nobody ever removes the lock of a successor.
 */
import { createHash, randomBytes } from 'node:crypto'
import { readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { aborted, attempt, checkAborted, failure, ImageError, systemCode } from '../errors.js'
import { keepAtExit, removeAtExit } from './leftovers.js'
import { readStart } from './open-regular.js'
import { lifeOf, ownOwner } from './owner.js'

/**
 * Milliseconds after which a holder that cannot be looked at, on another machine or in another container, is
 * taken for gone, and one that runs is an error. Locks are held for some milliseconds; a disk that is busy
 * may take seconds to sync.
 */
const PATIENCE = 60_000

/** Milliseconds between tries, at most: half of it on average. */
const RETRY_WITHIN = 20

export class FileLock {
  private constructor(
    private readonly path: string,
    private readonly holder: string,
  ) {}

  /**
   * Waits for the lock.
   * @param patience see {@link PATIENCE}
   * @throws ImageError OUTPUT_FAILED, ABORTED
   */
  static async acquire(path: string, signal?: AbortSignal, patience = PATIENCE): Promise<FileLock> {
    const holder = `${ownOwner()}-${randomBytes(4).toString('hex')}`
    let seen: { holder: string; since: number } | undefined
    for (;;) {
      checkAborted(signal)
      if (attempt('OUTPUT_FAILED', `cannot write ${path}`, () => tryMake(path, holder))) break
      const found = readHolder(path)
      if (found === undefined) continue
      if (found !== seen?.holder) seen = { holder: found, since: performance.now() }
      const life = lifeOf(found.replace(/-[^-]*$/, ''))
      const waited = performance.now() - seen.since > patience
      if (life === 'gone' || (life === 'unknown' && waited)) await relieve(path, found, signal, patience)
      else if (waited) throw held(path, found)
      else await pause(signal)
    }
    const lock = new FileLock(path, holder)
    removeAtExit(path, () => lock.isHeld())
    return lock
  }

  /** @throws ImageError OUTPUT_FAILED when somebody took this holder for gone */
  check(): void {
    if (this.isHeld()) return
    throw new ImageError('OUTPUT_FAILED', `${this.path}: expected to hold this lock, found it taken over`, {
      hint: 'run it again',
    })
  }

  private isHeld(): boolean {
    return readHolder(this.path) === this.holder
  }

  release(): void {
    keepAtExit(this.path)
    if (this.isHeld()) rmSync(this.path, { force: true })
  }
}

async function relieve(
  path: string,
  holder: string,
  signal: AbortSignal | undefined,
  patience: number,
): Promise<void> {
  const name = createHash('sha256').update(holder).digest('hex').slice(0, 16)
  const right = await FileLock.acquire(`${path}.${name}`, signal, patience)
  try {
    if (readHolder(path) === holder) rmSync(path, { force: true })
  } finally {
    right.release()
  }
}

/** False when there is a lock already. */
function tryMake(path: string, holder: string): boolean {
  try {
    symlinkSync(holder, path)
    return true
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false
    // No symbolic links there: a file, which is without its text for a moment.
    if (!['EPERM', 'ENOSYS', 'ENOTSUP'].includes(systemCode(error) ?? '')) throw error
  }
  try {
    writeFileSync(path, holder, { flag: 'wx' })
    return true
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false
    throw error
  }
}

/** Bytes of a holder's name, at most. */
const MAX_HOLDER = 1024

/** Undefined when there is no lock. @throws ImageError OUTPUT_FAILED for what is none, and cannot be looked at */
function readHolder(path: string): string | undefined {
  for (const read of [() => readlinkSync(path), () => readStart(path, MAX_HOLDER).toString()])
    try {
      return read()
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      // A file, where there are no symbolic links.
      if (systemCode(error) !== 'EINVAL')
        throw failure('OUTPUT_FAILED', `cannot read the lock ${path}`, error)
    }
  return undefined
}

function held(path: string, holder: string): ImageError {
  const pid = holder.split('-')[2]
  return new ImageError(
    'OUTPUT_FAILED',
    `${path}: expected it to be free in time, found it held by process ${pid}`,
    {
      hint: 'see what that process waits for',
    },
  )
}

async function pause(signal: AbortSignal | undefined): Promise<void> {
  try {
    await setTimeout(Math.random() * RETRY_WITHIN, undefined, { signal })
  } catch (error) {
    throw aborted(error)
  }
}
