/** What store paths refer to and are referred to by, one step each way. */
import type { ReferencesData } from '../data.js'

export class References {
  private readonly referrers = new Map<number, number[]>()

  constructor(private readonly data: ReferencesData) {
    if ('missing' in data) return
    for (const [path, references] of data.of.entries())
      for (const reference of references ?? [])
        this.referrers.set(reference, [...(this.referrers.get(reference) ?? []), path])
  }

  /** @returns undefined, or a word why, where they are not known */
  around(path: number): { references: readonly number[]; referrers: readonly number[] } | string {
    if ('missing' in this.data) return this.data.missing
    const references = this.data.of[path]
    if (references == null) return 'the Nix store does not have this path'
    return { references, referrers: this.referrers.get(path) ?? [] }
  }
}
