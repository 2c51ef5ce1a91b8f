/** Who owns the members of store layers, and their time. */
export interface Owner {
  /** Whole seconds since the epoch. */
  mtime: number
  uid: bigint
  gid: bigint
  uname: string
  gname: string
}
