/** `stream-layered-image man`: the manual, for man(1). */
import type { Command } from 'commander'
import { print } from './delivery.js'

export function manCommand(program: Command): void {
  program
    .command('man')
    .description('Prints the manual as man reads it: stream-layered-image man | man -l -')
    .allowExcessArguments(false)
    .exitOverride()
    .action(async () => {
      const { manPage } = await import('./man-page.js')
      await print(manPage(program))
    })
}
