/** An engine that is spoken to by a program of its own, with that program's own configuration. */
import { checkAborted, handled, ImageError } from '../errors.js'
import type { Digest } from '../model/digest.js'
import type { Engine, ImagesById, PullOffer } from '../model/engine.js'
import { callProgram, findProgram } from './program.js'

/** How a program does it, as its arguments. */
export interface Ways {
  /** What to ask it first, when versions differ: its output is handed to `pull`. */
  probe?: string[]
  pull(reference: string, name: string, probed: string): string[]
  /** Nothing for a program that gives the image its name when it takes it. */
  publish(reference: string, name: string): string[][]
  discard(reference: string): string[] | undefined
  /** What succeeds when an image of that ID is there, and what names it; absent for a program that knows no IDs. */
  images?: { has(imageId: Digest): string[]; name(imageId: Digest, name: string): string[] }
  /** For a shell; undefined when it runs nothing. */
  run(name: string): string | undefined
}

/** Milliseconds for taking away a name, when there is nobody left who would wait for it. */
const DISCARDING = 10_000

export class ProgramEngine implements Engine {
  readonly images?: ImagesById
  readonly ready: Promise<unknown>
  private readonly what: string

  private constructor(
    shown: string,
    private readonly program: string,
    private readonly ways: Ways,
    private readonly signal: AbortSignal,
    ready: Promise<unknown> = Promise.resolve(),
  ) {
    this.ready = handled(ready)
    this.what = `${shown}: ${program}`
    const { images } = ways
    if (images === undefined) return
    this.images = {
      has: (imageId) => this.succeeds(images.has(imageId)),
      name: async (imageId, name) => void (await this.call(images.name(imageId, name), this.signal)),
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

  async pull({ reference, name, signal }: PullOffer): Promise<void> {
    const { probe, pull } = this.ways
    const probed = probe === undefined ? '' : await this.call(probe, signal)
    await this.call(pull(reference, name, probed), signal)
  }

  async publish(reference: string, name: string): Promise<void> {
    for (const args of this.ways.publish(reference, name)) await this.call(args, this.signal)
  }

  async discard(reference: string): Promise<void> {
    const args = this.ways.discard(reference)
    if (args !== undefined) await this.call(args, AbortSignal.timeout(DISCARDING)).catch(() => {})
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

  private call(args: readonly string[], signal: AbortSignal): Promise<string> {
    return callProgram({ program: this.program, args, what: this.what, signal })
  }
}
