/** A simulated pipe: who writes and who takes work at once, as long as it is neither full nor empty. */
import type { Process } from './machine.js'

/** Bytes that it holds, and that are written and taken at once. */
const PIPE = 64 << 10
const PIECE = 32 << 10

export class Pipe {
  private level = 0;

  /** @param perByte CPU seconds */
  *write(bytes: number, perByte: number): Process {
    for (let left = bytes; left > 0; left -= PIECE) {
      const piece = Math.min(left, PIECE)
      yield { until: () => this.level + piece <= PIPE }
      yield piece * perByte
      this.level += piece
    }
  }

  /** Takes until the other side has ended. */
  *take(perByte: number, ended: () => boolean): Process {
    for (;;) {
      yield { until: () => this.level > 0 || ended() }
      if (this.level === 0) return
      const piece = Math.min(this.level, PIECE)
      yield piece * perByte
      this.level -= piece
    }
  }
}
