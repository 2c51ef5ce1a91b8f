/** `stream-layered-image help [VERB…]`: what `--help` shows. */
import type { Command } from 'commander'

export function helpCommand(program: Command): void {
  program
    .command('help')
    .description('Shows the help of a verb.')
    .argument('[verb...]', 'a verb, and one of its own')
    .exitOverride()
    .action((verbs: string[]) => {
      let at = program
      for (const verb of verbs) {
        const found = at.commands.find((command) => command.name() === verb)
        if (found === undefined) {
          const known = at.commands.map((command) => command.name()).join(', ')
          program.error(`error: no verb "${verb}": expected ${known || 'none'}`)
        }
        at = found
      }
      at.outputHelp()
    })
}
