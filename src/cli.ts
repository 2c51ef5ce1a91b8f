#!/usr/bin/env node
/** The command: arguments in, exit status out. */
import { Command, CommanderError } from 'commander'
import { givenArguments, likeArgparse } from './commands/arguments.js'
import { buildCommand } from './commands/build.js'
import { cacheCommand } from './commands/cache.js'
import { copyCommand } from './commands/copy.js'
import { layerCommand } from './commands/layer.js'
import { planCommand } from './commands/plan.js'
import { fail, STATUS } from './commands/run.js'
import { serveCommand } from './commands/serve.js'
import { log } from './report/log.js'
import { VERSION } from './version.js'

async function main(): Promise<number> {
  let status: number = STATUS.ok
  // Verbs have options of the same names as the program.
  const program = new Command('stream-layered-image')
    .enablePositionalOptions()
    .configureOutput({ writeErr: (text) => log(text.trimEnd()) })
    .showSuggestionAfterError(false)
  const setStatus = (found: number): void => {
    status = found
  }
  buildCommand(program, setStatus)
  for (const add of [planCommand, layerCommand, copyCommand, serveCommand, cacheCommand])
    add(program, setStatus)
  program.version(VERSION)
  try {
    const args = givenArguments()
    const isVerb = program.commands.some((command) => command.name() === args[0])
    await program.parseAsync(isVerb ? args : likeArgparse(args, program.options), { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? STATUS.ok : STATUS.usage
    return fail(error)
  }
  return status
}

main().then((status) => process.exit(status))
