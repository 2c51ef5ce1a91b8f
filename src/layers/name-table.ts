/** What is known of very many names, in a few bytes each: by the first eight bytes of their SHA-256. */
import { createHash } from 'node:crypto'

/** Two 32-bit words. */
export type NameHash = readonly [number, number]

export function nameHash(name: string): NameHash {
  const digest = createHash('sha256').update(name).digest()
  return [digest.readUInt32LE(0), digest.readUInt32LE(4)]
}

export class NameTable {
  size = 0
  private words = new Uint32Array(2 * FEW)
  /** 0: the place is free. */
  private values = new Uint8Array(FEW)

  /** @returns 0 where the name is not known */
  get(hash: NameHash): number {
    return this.values[this.place(hash)]!
  }

  /** @param value from 1 to 255 */
  set(hash: NameHash, value: number): void {
    const place = this.place(hash)
    if (this.values[place] === 0) {
      this.size++
      this.words.set(hash, 2 * place)
    }
    this.values[place] = value
    if (2 * this.size > this.values.length) this.grow()
  }

  private place([low, high]: NameHash): number {
    const mask = this.values.length - 1
    let place = low & mask
    while (this.values[place] !== 0 && (this.words[2 * place] !== low || this.words[2 * place + 1] !== high))
      place = (place + 1) & mask
    return place
  }

  private grow(): void {
    const { words, values } = this
    this.words = new Uint32Array(2 * words.length)
    this.values = new Uint8Array(2 * values.length)
    for (const [i, value] of values.entries()) {
      if (value === 0) continue
      const hash = [words[2 * i]!, words[2 * i + 1]!] as const
      const place = this.place(hash)
      this.words.set(hash, 2 * place)
      this.values[place] = value
    }
  }
}

const FEW = 1024
