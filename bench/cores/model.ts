/** What a simulated build is made from: measured costs, and the machine that it runs on. */

/** CPU seconds that a layer takes, each by itself. */
export interface LayerCosts {
  /** Of its archive. */
  bytes: number
  /** To plan it. */
  walk: number
  /** To make its archive for the checksum pass. */
  read: number
  /** To make it once more for the ring, where files are looked at again. */
  produce: number
  /** The same, where contents of all small files are kept; and how many chunks of memory those take. */
  produceKept: number
  chunks: number
  /** Whether it has most of the store paths. */
  isMost: boolean
}

/** CPU seconds; those without a layer are for a byte. */
export interface Costs {
  layers: LayerCosts[]
  /** SHA-256. */
  hash: number
  /** The main thread's, into the pipe. */
  write: number
  /** The reader's, out of it. */
  take: number
  /** Of the process, before and after its work. */
  start: number
  /** Of a thread, before its first task. */
  thread: number
}

export interface Way {
  cores: number
  threads: number
  /** How many threads with nothing to do may read for another. */
  readers: number
  /**
   * Whether digests are remembered, and how they are compared: not at all, by the main thread as it writes, or by checksum
   * passes for which the streaming does not wait.
   */
  known: 'no' | 'trusted' | 'compared' | 'beside'
}
