/** Which report a delivery has. */
import { fstatSync } from 'node:fs'
import type { Reporter } from '../report/reporter.js'
import { PlainText, ScriptText, Silent } from '../report/text.js'

export const PROGRESS_KINDS = ['auto', 'plain', 'none', 'json'] as const
export type ProgressKind = (typeof PROGRESS_KINDS)[number]

/** What decides it of the command's options. */
interface Asked {
  progress?: ProgressKind
  quiet?: boolean
  verbose?: boolean
}

/** @param isStreamed whether the image goes to standard output, so that the lines are those of the script */
export async function chooseReporter(asked: Asked, isStreamed: boolean): Promise<Reporter> {
  const { progress = 'auto', quiet = false, verbose = false } = asked
  if (progress === 'json') {
    const { JsonLines } = await import('../report/json.js')
    return new JsonLines(quiet)
  }
  if (quiet || progress === 'none') return new Silent(!quiet)
  if (progress === 'auto' && process.env.TERM !== 'dumb' && (await isTerminal(2))) {
    const { LiveReport } = await import('../report/live.js')
    return new LiveReport(verbose)
  }
  return isStreamed ? new ScriptText(verbose) : new PlainText(verbose)
}

export async function isTerminal(fd: number): Promise<boolean> {
  if (!isCharacterDevice(fd)) return false
  const { isatty } = await import('node:tty')
  return isatty(fd)
}

/** Standard error may be closed. */
function isCharacterDevice(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice()
  } catch {
    return false
  }
}
