/** Owner and times of an image's members, as options have them. */
import { ImageError } from '../errors.js'
import type { Owner } from '../model/owner.js'
import { parseIsoFormat, timestamp, utcNow } from '../python/datetime.js'

export interface OwnerOptions {
  /** `UID[:GID[:USER[:GROUP]]]` */
  owner?: string | undefined
  /** ISO 8601, or `now`. */
  mtime?: string | undefined
}

/** The first second of all times, as nixpkgs has it: the same for each build. */
export const FIRST_SECOND = '1970-01-01T00:00:01Z'

/** @throws ImageError OPTION_INVALID */
export function ownerOf({ owner = '0:0:root:root', mtime = FIRST_SECOND }: OwnerOptions): Owner {
  const [, uid, gid = uid, uname, gname] =
    /^(\d{1,10})(?::(\d{1,10})(?::([^:\0]*)(?::([^:\0]*))?)?)?$/.exec(owner) ?? []
  if (uid === undefined)
    throw new ImageError(
      'OPTION_INVALID',
      `--owner: expected UID[:GID[:USER[:GROUP]]], found ${JSON.stringify(owner)}`,
    )
  const user = uname ?? (uid === '0' ? 'root' : '')
  const group = gname ?? (gid === '0' ? 'root' : user)
  const moment = mtime === 'now' ? utcNow() : parseIsoFormat(checkTime('--mtime', mtime))!
  return { mtime: timestamp(moment), uid: BigInt(uid), gid: BigInt(gid!), uname: user, gname: group }
}

/** @throws ImageError OPTION_INVALID */
export function checkTime(option: string, text: string): string {
  if (text === 'now' || parseIsoFormat(text) !== undefined) return text
  throw new ImageError(
    'OPTION_INVALID',
    `${option}: expected "now" or an ISO 8601 time, found ${JSON.stringify(text)}`,
  )
}
