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
    .configureOutput({ writeErr: (text) => log(withoutValue(text.trimEnd())) })
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
    if (error instanceof CommanderError) return usage(error)
    return fail(error)
  }
  return status
}

/** What an unknown option was given may be a password. */
function withoutValue(text: string): string {
  return text.replace(/(unknown option '--[^=']*)=.*'$/s, "$1'")
}

/** The parser has said what is wrong. @returns the exit status */
async function usage({ exitCode, message }: CommanderError): Promise<number> {
  if (exitCode === 0) return STATUS.ok
  const { hintFor } = await import('./commands/foreign-options.js')
  const hint = hintFor(message)
  if (hint !== undefined) log(`stream-layered-image: hint: ${hint}`)
  return STATUS.usage
}

main().then((status) => process.exit(status))
