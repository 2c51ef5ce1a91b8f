/** The command with all its verbs: what is parsed, and what help, completions and the manual are made from. */
import { Command, Option } from 'commander'
import { log } from '../report/log.js'
import { VERSION } from '../version.js'
import { buildCommand } from './build.js'
import { cacheCommand } from './cache.js'
import { completionCommand } from './completion.js'
import { copyCommand } from './copy.js'
import { diffCommand } from './diff.js'
import { helpCommand } from './help.js'
import { inspectCommand } from './inspect.js'
import { layerCommand } from './layer.js'
import { manCommand } from './man.js'
import { planCommand } from './plan.js'
import { sbomCommand } from './sbom.js'
import { serveCommand } from './serve.js'
import { verifyCommand } from './verify.js'
import { whyCommand } from './why.js'

/** What a page of text has. */
const COLUMNS = 80

/** @param setStatus takes the exit status of the verb that was run */
export function makeProgram(setStatus: (status: number) => void): Command {
  // Verbs have options of the same names as the program.
  const program = new Command('stream-layered-image')
    .enablePositionalOptions()
    .configureOutput({
      writeErr: (text) => log(withoutValue(text.trimEnd())),
      getOutHelpWidth: () => Math.min(process.stdout.columns || COLUMNS, COLUMNS),
    })
    .showSuggestionAfterError(false)
    .addHelpOption(new Option('-h, --help', 'show this help').helpGroup('Help:'))
  buildCommand(program, setStatus)
  for (const add of [
    planCommand,
    layerCommand,
    copyCommand,
    serveCommand,
    inspectCommand,
    whyCommand,
    sbomCommand,
    diffCommand,
    verifyCommand,
    cacheCommand,
  ])
    add(program, setStatus)
  for (const add of [helpCommand, completionCommand, manCommand]) add(program)
  return program.optionsGroup('Help:').version(VERSION, '-V, --version', 'show the version')
}

/** What an unknown option was given may be a password. */
function withoutValue(text: string): string {
  return text.replace(/(unknown option '--[^=']*)=.*'$/s, "$1'")
}
