/** Events as lines, for logs: what was made or sent, and a sign of life while that takes long. */
import type { BuildEvent, LayerUnderWay } from '../model/events.js'
import { log } from './log.js'
import type { Reporter, Result } from './reporter.js'
import { scriptLine } from './script-lines.js'
import { initial, reduce } from './state.js'
import { statusLine } from './status.js'
import { summaryOf } from './summary.js'
import { amount, pathOf } from './words.js'

/** Milliseconds between two signs of life. */
const SIGN_OF_LIFE = 10_000

/** The reference's lines, and what it does not have. */
export class ScriptText implements Reporter {
  constructor(private readonly isVerbose: boolean) {}

  report(event: BuildEvent): void {
    const line = scriptLine(event) ?? lineOf(event, this.isVerbose)
    if (line !== undefined) log(line)
  }

  end(): void {}
}

/** A line for each layer that had to be made or sent, and a summary. */
export class PlainText implements Reporter {
  private state = initial(performance.now())
  private readonly timer = setInterval(() => log(statusLine(this.state)), SIGN_OF_LIFE).unref()

  constructor(private readonly isVerbose: boolean) {}

  report(event: BuildEvent): void {
    this.state = reduce(this.state, event, performance.now())
    const line = lineOf(event, this.isVerbose)
    if (line !== undefined) log(line)
  }

  end(result: Result | undefined): void {
    clearInterval(this.timer)
    if (result !== undefined) for (const line of summaryOf(result, this.state, performance.now())) log(line)
  }
}

/** Warnings and, where they are asked for, a few lines at the end. */
export class Silent implements Reporter {
  private readonly startedAt = performance.now()

  constructor(private readonly hasSummary: boolean) {}

  report(event: BuildEvent): void {
    reportWarning(event)
  }

  end(result: Result | undefined): void {
    if (!this.hasSummary || result === undefined) return
    for (const line of summaryOf(result, initial(this.startedAt), performance.now())) log(line)
  }
}

/** @param isVerbose whether layers that were there have lines too @returns undefined for what has none */
export function lineOf(event: BuildEvent, isVerbose: boolean): string | undefined {
  switch (event.type) {
    case 'configuration-found':
      return `Using ${event.conf}, as ${event.where} does`
    case 'warning':
      return warning(event)
    case 'cache-used':
      return `cache: ${event.remembered} remembered, ${event.new} new`
    case 'layers-known':
      return `layer files: ${event.count} layers known`
    case 'previous-image':
      return previous(event)
    case 'layer-delivered': {
      const outcomes = [...new Set(event.outcomes)]
      if (!isVerbose && !outcomes.includes('uploaded')) return undefined
      return layer(event, outcomes.join(', '), event.blob.size)
    }
    case 'layer-written':
      return layer(event, 'written', event.size)
    case 'layer-taken':
      return layer(event, 'taken', event.size)
    case 'layer-unpacked':
      return layer(event, 'unpacked', undefined)
    default:
      return undefined
  }
}

/** `Layer 12: uploaded, 31 MB, /nix/store/…-glibc-2.38` */
function layer(
  { number, image, source }: Pick<LayerUnderWay, 'number' | 'image' | 'source'>,
  outcome: string,
  size: number | undefined,
): string {
  const which = image === undefined ? `Layer ${number}` : `Image ${image}, layer ${number}`
  return [`${which}: ${outcome}`, ...(size === undefined ? [] : [amount(size)]), pathOf(source)].join(', ')
}

function warning({ message }: Extract<BuildEvent, { type: 'warning' }>): string {
  return `stream-layered-image: warning: ${message}`
}

/** `previous: docker://registry.example/app:latest, 99 of 100 layers unchanged` */
function previous({ image, unchanged, layers }: Extract<BuildEvent, { type: 'previous-image' }>): string {
  if (image !== undefined) return `previous: ${image}, ${unchanged} of ${layers} layers unchanged`
  return 'previous: none found; --previous names an image that shares layers, --cache remembers them'
}

/** What is said also where little is wanted. */
export function reportWarning(event: BuildEvent): void {
  if (event.type === 'warning') log(warning(event))
}
