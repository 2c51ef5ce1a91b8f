/** A block in a terminal that shows what is done and what is under way, and leaves a summary. */
import { createLogUpdate } from 'log-update'
import type { BuildEvent } from '../model/events.js'
import { liveBlock, type Paint, unpainted, widthOf } from './live-block.js'
import { log, setDisplay, write } from './log.js'
import type { Reporter, Result } from './reporter.js'
import { initial, reduce } from './state.js'
import { summaryOf } from './summary.js'
import { lineOf } from './text.js'

/** Milliseconds between two drawings, and before the first: what is done at once shows none. */
const EVERY = 100

/** Terminals that know it show all of a drawing at once, others ignore it. */
const TOGETHER = ['\x1b[?2026h', '\x1b[?2026l'] as const
const CURSOR = { hide: '\x1b[?25l', show: '\x1b[?25h' } as const

/** Events whose lines a person wants also beside the block. */
const TOLD = ['configuration-found', 'warning', 'previous-image', 'layers-known', 'cache-used']

const STYLES = { bar: '\x1b[32m', faint: '\x1b[2m' } as const
const painted: Paint = (style, text) => (text === '' ? text : `${STYLES[style]}${text}\x1b[0m`)

export class LiveReport implements Reporter {
  private state = initial(performance.now())
  private readonly timer = setInterval(() => this.draw(), EVERY).unref()
  /** What is to be written in one go. */
  private pending = ''
  private lines: string[] = []
  private isHidden = false
  private readonly update: ReturnType<typeof createLogUpdate>
  private readonly paint = process.env.NO_COLOR ? unpainted : painted
  private readonly resized = (): void => this.redraw()
  private readonly close = (): void => this.clear()

  constructor(private readonly isVerbose: boolean) {
    const gather = (text: string): void => {
      this.pending += text
    }
    const terminal = process.stderr
    // Its own cursor and writes would go past ours.
    const stream = {
      write: gather,
      get columns() {
        return terminal.columns
      },
      get rows() {
        return terminal.rows
      },
    }
    this.update = createLogUpdate(stream as unknown as NodeJS.WriteStream, { showCursor: true })
    process.stderr.on('resize', this.resized)
    // Whatever ends the process, the cursor comes back.
    process.on('exit', this.close)
    let wasShown = false
    const clear = (): void => {
      wasShown = this.lines.length > 0
      this.clear()
    }
    setDisplay({ clear, draw: () => wasShown && this.draw() })
  }

  report(event: BuildEvent): void {
    this.state = reduce(this.state, event, performance.now())
    const line = TOLD.includes(event.type) || this.isVerbose ? lineOf(event, this.isVerbose) : undefined
    if (line !== undefined) log(line)
  }

  end(result: Result | undefined): void {
    clearInterval(this.timer)
    this.clear()
    setDisplay(undefined)
    process.off('exit', this.close)
    process.stderr.off('resize', this.resized)
    if (result !== undefined) for (const line of summaryOf(result, this.state, performance.now())) log(line)
  }

  private draw(): void {
    const { columns, rows } = process.stderr
    // The last column stays free: some terminals break the line there.
    const lines = liveBlock(this.state, Math.max(1, columns - 1), rows, this.paint)
    // The library's patches are for as many lines as before.
    if (lines.length !== this.lines.length) this.update.clear()
    this.update(lines.join('\n'))
    this.lines = lines
    this.flush()
  }

  /** Takes the block away. */
  private clear(): void {
    if (this.lines.length > 0) this.update.clear()
    this.lines = []
    this.flush()
  }

  /** A terminal that became narrower has broken the lines. */
  private redraw(): void {
    const width = Math.max(1, process.stderr.columns)
    const rows = this.lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / width)), 0)
    if (rows > 0) this.pending += `\x1b[${rows}A\r\x1b[J`
    this.update.done()
    this.lines = []
    this.draw()
  }

  private flush(): void {
    const isShown = this.lines.length > 0
    const cursor = isShown === this.isHidden ? '' : isShown ? CURSOR.hide : CURSOR.show
    this.isHidden = isShown
    if (this.pending !== '' || cursor !== '') write(TOGETHER.join(`${cursor}${this.pending}`))
    this.pending = ''
  }
}
