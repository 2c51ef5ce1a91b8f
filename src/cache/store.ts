/** Where the digest cache keeps its entries: a directory, or a server that machines share. */

/** Texts by the names of blobs. Each method may fail for reasons of its own; losing an entry is never wrong. */
export interface CacheStore {
  /** Its name for people, without secrets. */
  readonly place: string
  /** Why nothing can be written, where that is known beforehand. */
  readonly readOnly: unknown
  /** @returns undefined also for what is longer than any entry */
  get(name: string): Promise<string | undefined>
  set(name: string, text: string): Promise<void>
  delete(name: string): Promise<void>
  stats(): Promise<CacheStats>
  /** Removes entries that are older. @returns how many went */
  prune(days: number): Promise<number>
  /** Removes all entries. @returns how many went */
  clear(): Promise<number>
  close(): Promise<void>
}

export interface CacheStats {
  entries: number
  /** Bytes of all entries. */
  bytes: number
  /** When the oldest and the latest were written; undefined without any. */
  oldest: Date | undefined
  latest: Date | undefined
}

export interface OpenOptions {
  /** Whether to make a directory that is not there. */
  make: boolean
  /** Ends every wait for a server. */
  signal?: AbortSignal | undefined
}
