/** One tar member's metadata. Strings are Python strings (undecodable bytes as lone surrogates). */
export interface Member {
  name: string
  mode: number
  uid: bigint
  gid: bigint
  /** Bytes. */
  size: number
  /** Seconds since the epoch. Only a member that came with a pax record `mtime` may have a fraction. */
  mtime: number
  /** CPython holds the time as a float, because it came from a record: it writes a record again. */
  hasFloatTime?: boolean
  /** One character: the type flag. */
  type: string
  linkname: string
  uname: string
  gname: string
  devmajor: number
  devminor: number
  /** Records that came with the member; they keep their order and their priority. */
  pax?: ReadonlyMap<string, string>
}
