/** Puts other names of store paths in the place of those that stand in bytes that go by, as a Nix build with other inputs does. */

export interface Rewrite {
  /** `HASH-name` */
  from: string
  /** Another hash and name. Where the names are not of one length only the hash is replaced. */
  to: string
}

const HASH = 32
const LETTERS = new Uint8Array(256)
for (const letter of '0123456789abcdfghijklmnpqrsvwxyz') LETTERS[letter.charCodeAt(0)] = 1
const NAME = /[0-9a-df-np-sv-z]{32}-[0-9A-Za-z+\-._?=]*/g

export class Rewrites {
  private readonly byHash = new Map<string, { index: number; from: string; to: string }>()
  /** The first two letters of hashes: most of what looks like a hash is none that is known. */
  private readonly starts = new Uint8Array(1 << 16)
  private readonly longest: number

  constructor(rewrites: readonly Rewrite[]) {
    for (const [index, { from, to }] of rewrites.entries()) {
      this.byHash.set(from.slice(0, HASH), { index, from, to })
      this.starts[(from.charCodeAt(0) << 8) | from.charCodeAt(1)] = 1
    }
    this.longest = Math.max(0, ...rewrites.map(({ from }) => from.length))
  }

  /** @param found takes indexes of rewrites */
  text(text: string, found: Set<number>): string {
    if (!text.includes('-')) return text
    return text.replace(NAME, (name) => {
      const rewrite = this.byHash.get(name.slice(0, HASH))
      if (rewrite === undefined) return name
      found.add(rewrite.index)
      const old = name.startsWith(rewrite.from) ? lengthOf(rewrite) : HASH
      return rewrite.to.slice(0, old) + name.slice(old)
    })
  }

  /** A stream of bytes. @param found takes indexes of rewrites @param write takes as many bytes, valid during the call */
  stream(
    found: Set<number>,
    write: (bytes: Buffer) => void,
  ): { accept(bytes: Buffer): void; finish(): void } {
    let rest: Buffer = Buffer.alloc(0)
    return {
      accept: (bytes) => {
        const all = Buffer.concat([rest, bytes])
        const end = this.rewrite(all, found, false)
        write(all.subarray(0, end))
        rest = all.subarray(end)
      },
      finish: () => {
        this.rewrite(rest, found, true)
        write(rest)
        rest = Buffer.alloc(0)
      },
    }
  }

  /** In place. @returns how many bytes are done: in the others a name may begin */
  private rewrite(bytes: Buffer, found: Set<number>, isLast: boolean): number {
    let at = 0
    while (at + HASH <= bytes.length) {
      let other = HASH - 1
      while (other >= 0 && LETTERS[bytes[at + other]!] === 1) other--
      if (other >= 0) {
        at += other + 1
        continue
      }
      if (this.starts[(bytes[at]! << 8) | bytes[at + 1]!] === 0) {
        at++
        continue
      }
      const rewrite = this.byHash.get(bytes.toString('latin1', at, at + HASH))
      if (rewrite === undefined) {
        at++
        continue
      }
      if (!isLast && at + this.longest > bytes.length) return at
      found.add(rewrite.index)
      const isWhole = bytes.toString('latin1', at, at + rewrite.from.length) === rewrite.from
      at += bytes.write(rewrite.to.slice(0, isWhole ? lengthOf(rewrite) : HASH), at, 'latin1')
    }
    return isLast ? bytes.length : at
  }
}

/** How much of a name is replaced. */
function lengthOf({ from, to }: Rewrite): number {
  return from.length === to.length ? from.length : HASH
}
