/** An engine that is spoken to by a program of its own, with that program's own configuration. */
import { writeFile } from 'node:fs/promises'
import { checkAborted, handled, ImageError } from '../errors.js'
import { Scratch } from '../files/scratch.js'
import { type Digest, isDigest } from '../model/digest.js'
import type { Engine, ImagesById, PullOffer } from '../model/engine.js'
import { callProgram, findProgram } from './program.js'

/** How a program does it, as its arguments. */
export interface Ways {
  /** What to ask it first, when versions differ: its output is handed to `pull`. */
  probe?: string[]
  pull?(reference: string, probed: string): string[]
  /** In place of `pull`, for a program that gives images their names when it takes them. */
  take?(reference: string, name: string): string[]
  /**
   * Pulls it under its name, where there is a way to say that the name's registry is another.
   * @param file for what is to be said, of `text`, by the variable `env`
   */
  pullNamed?(reference: string, name: string): { args: string[]; text: string; env: string }
  tag?(reference: string, name: string): string[]
  untag?(reference: string): string[]
  discard?(reference: string): string[]
  /** What succeeds when an image of that ID is there, which `tag` then names too. */
  hasId?(imageId: Digest): string[]
  /** What prints the ID in hex that a name stands for. */
  named?(name: string): string[]
  /** Writes an image into an empty file, as an archive. */
  save(name: string, path: string): string[]
  /** What kind of archive that is; default: a docker-archive. */
  saves?: 'oci-archive'
  /** For a shell; undefined when it runs nothing. */
  run(name: string): string | undefined
}

/** Milliseconds for taking away a name, when there is nobody left who would wait for it. */
const DISCARDING = 10_000

export class ProgramEngine implements Engine {
  readonly images?: ImagesById
  readonly named?: (name: string) => Promise<Digest | undefined>
  readonly ready: Promise<unknown>
  private readonly what: string
  /** What was pulled under its name. */
  private readonly done = new Set<string>()

  private constructor(
    shown: string,
    private readonly program: string,
    private readonly ways: Ways,
    private readonly signal: AbortSignal,
    ready: Promise<unknown> = Promise.resolve(),
  ) {
    this.ready = handled(ready)
    this.what = `${shown}: ${program}`
    const { hasId, named } = ways
    if (named !== undefined) this.named = (name) => this.idOf(named(name))
    if (hasId === undefined) return
    this.images = {
      has: (imageId) => this.succeeds(hasId(imageId)),
      name: (imageId, name) => this.tag(imageId, [name]),
    }
  }

  /**
   * @param shown what the engine is called in messages @param programs the first that PATH has is used
   * @param ready what finds out whether there is an engine that the program would speak to
   * @throws ImageError ENGINE_FAILED when it has none
   */
  static find(
    shown: string,
    programs: Readonly<Record<string, Ways>>,
    signal: AbortSignal,
    ready?: () => Promise<unknown>,
  ): ProgramEngine {
    const names = Object.keys(programs)
    const program = findProgram(names)
    if (program === undefined)
      throw new ImageError('ENGINE_FAILED', `${shown}: expected ${names.join(' or ')} on PATH, found none`)
    return new ProgramEngine(shown, program, programs[program]!, signal, ready?.())
  }

  async pull(offer: PullOffer): Promise<void> {
    const { reference, names, signal } = offer
    const { probe, pull, take } = this.ways
    if (take !== undefined) {
      for (const name of names) await this.call(take(reference, name), signal)
      return
    }
    if (offer.isLast && (await this.pullNamed(reference, names[0]!, signal))) return
    const probed = probe === undefined ? '' : await this.call(probe, signal)
    await this.call(pull!(reference, probed), signal)
  }

  /** @returns false where it cannot: there may be rules for images of that name */
  private async pullNamed(reference: string, name: string, signal: AbortSignal): Promise<boolean> {
    if (this.ways.pullNamed === undefined) return false
    const { args, text, env } = this.ways.pullNamed(reference, name)
    const scratch = new Scratch()
    try {
      const file = scratch.file()
      await writeFile(file, text)
      await this.call(args, signal, { [env]: file })
      this.done.add(reference)
    } catch (error) {
      if (signal.aborted) throw error
    } finally {
      scratch.remove()
    }
    return this.done.has(reference)
  }

  async publish(reference: string, names: readonly string[]): Promise<void> {
    if (this.done.has(reference)) return this.tag(names[0]!, names.slice(1))
    await this.tag(reference, names)
    const { untag } = this.ways
    if (untag !== undefined) await this.call(untag(reference), this.signal)
  }

  private async tag(reference: string, names: readonly string[]): Promise<void> {
    const { tag } = this.ways
    if (tag === undefined) return
    for (const name of names) await this.call(tag(reference, name), this.signal)
  }

  async discard(reference: string): Promise<void> {
    const args = this.done.has(reference) ? undefined : this.ways.discard?.(reference)
    if (args !== undefined) await this.call(args, AbortSignal.timeout(DISCARDING)).catch(() => {})
  }

  async save(name: string, path: string): Promise<'docker-archive' | 'oci-archive'> {
    await this.call(this.ways.save(name, path), this.signal)
    return this.ways.saves ?? 'docker-archive'
  }

  runCommand(name: string): string | undefined {
    return this.ways.run(name)
  }

  private async succeeds(args: readonly string[]): Promise<boolean> {
    const isDone = await this.call(args, this.signal).then(
      () => true,
      () => false,
    )
    checkAborted(this.signal)
    return isDone
  }

  private async idOf(args: readonly string[]): Promise<Digest | undefined> {
    const id = `sha256:${(await this.call(args, this.signal).catch(() => '')).trim()}`
    return isDigest(id) ? id : undefined
  }

  private call(
    args: readonly string[],
    signal: AbortSignal,
    env?: Readonly<Record<string, string>>,
  ): Promise<string> {
    return callProgram({ program: this.program, args, env, what: this.what, signal })
  }
}
