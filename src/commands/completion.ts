/** `stream-layered-image completion SHELL`: a script that has the shell complete this command. */
import { Argument, type Command } from 'commander'
import { print } from './delivery.js'

export function completionCommand(program: Command): void {
  program
    .command('completion')
    .description('Prints the completions of this command for a shell.')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish']))
    .allowExcessArguments(false)
    .exitOverride()
    .action(async (shell: 'bash' | 'zsh' | 'fish') => {
      const { describeProgram } = await import('./completion/words.js')
      const scripts = {
        bash: async () => (await import('./completion/bash.js')).bashCompletion,
        zsh: async () => (await import('./completion/zsh.js')).zshCompletion,
        fish: async () => (await import('./completion/fish.js')).fishCompletion,
      }
      const script = await scripts[shell]()
      await print(script(program.name(), describeProgram(program)).trimEnd())
    })
}
