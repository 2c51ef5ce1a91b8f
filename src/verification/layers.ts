/** Layers, read as who unpacks them does; each once, however many images have it. */
import pLimit from 'p-limit'
import type { Audit } from '../layers/audit.js'
import type { Recipe } from '../model/recipe.js'
import type { Workshop } from '../pool/workshop.js'
import type { Findings } from './findings.js'

export class LayerAudits {
  private readonly audits = new Map<string, Promise<Audit | undefined>>()
  readonly inTurn

  constructor(
    private readonly workshop: Workshop,
    private readonly findings: Findings,
  ) {
    this.inTurn = pLimit(workshop.threads)
  }

  /** Whether it was read already. */
  has(key: string, isLowest: boolean): boolean {
    return this.audits.has(`${key} ${isLowest}`)
  }

  /**
   * Reads a layer, and compares it.
   * @param key of what is read @param where it is, for people @param expected its diff ID, where that is known
   */
  async check(
    key: string,
    where: string,
    recipe: Recipe,
    isLowest: boolean,
    expected: string | undefined,
  ): Promise<void> {
    const name = `${key} ${isLowest}`
    let audit = this.audits.get(name)
    if (audit === undefined) {
      audit = this.findings.attempt(where, () => this.read(where, recipe, isLowest))
      this.audits.set(name, audit)
    }
    const found = await audit
    if (found === undefined) return
    for (const problem of found.problems) this.findings.add(where, problem)
    if (expected !== undefined && found.diffId !== expected)
      this.findings.add(where, `expected the diff ID ${expected}, found ${found.diffId}`)
  }

  private async read(where: string, recipe: Recipe, isLowest: boolean): Promise<Audit> {
    const audit = await this.workshop.audit({ recipe, isLowest }, where)
    this.findings.checked.layers++
    this.findings.checked.bytes += audit.size
    return audit
  }
}
