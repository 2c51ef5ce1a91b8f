/** The command: arguments in, exit status out. */
import { CommanderError } from 'commander'
import { givenArguments, likeArgparse } from './commands/arguments.js'
import { makeProgram } from './commands/program.js'
import { fail, STATUS } from './commands/run.js'
import { log } from './report/log.js'

async function main(): Promise<number> {
  let status: number = STATUS.ok
  const program = makeProgram((found) => {
    status = found
  })
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

/** The parser has said what is wrong. @returns the exit status */
async function usage({ exitCode, message }: CommanderError): Promise<number> {
  if (exitCode === 0) return STATUS.ok
  const { hintFor } = await import('./commands/foreign-options.js')
  const hint = hintFor(message)
  if (hint !== undefined) log(`stream-layered-image: hint: ${hint}`)
  return STATUS.usage
}

main().then((status) => process.exit(status))
