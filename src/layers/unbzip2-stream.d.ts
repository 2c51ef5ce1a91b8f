declare module 'unbzip2-stream/lib/bzip2.js' {
  /** Reads `count` bits, at most 32; null aligns to the next byte. */
  interface BitReader {
    (count: number | null): number
    /** Bytes begun so far. */
    bytesRead: number
  }
  interface Bzip2 {
    /** Reads the header of a stream. @returns its block size in units of 100,000 bytes */
    header(bits: BitReader): number
    /** Decodes a block. @returns the stream's checksum so far; null at its end */
    decompress(
      bits: BitReader,
      take: (byte: number) => void,
      work: Int32Array,
      size: number,
      checksum: number,
    ): number | null
  }
  const bzip2: Bzip2
  export default bzip2
}

declare module 'unbzip2-stream/lib/bit_iterator.js' {
  import type { BitReader } from 'unbzip2-stream/lib/bzip2.js'
  export default function bitIterator(next: () => Uint8Array): BitReader
}
