/** `stream-layered-image inspect IMAGE`: what can be said of an image. */
import type { Command } from 'commander'
import { print } from './delivery.js'
import { addReadOptions, type ReadArguments, readOptions } from './read-arguments.js'
import { isTerminal } from './reports.js'
import { run } from './run.js'

interface InspectArguments extends ReadArguments {
  json?: boolean
  deep?: boolean
}

export function inspectCommand(program: Command, setStatus: (status: number) => void): void {
  const command = program
    .command('inspect')
    .description('Shows what is in an image: its configuration, its layers, and what each takes.')
    .argument(
      '<image...>',
      'an image, named as destinations are, or a configuration; further ones may share layers with it',
    )
    .option('--json', 'print all of it as JSON')
    .option('--deep', 'download the layers of an image in a registry, to tell what is in them')
  addReadOptions(command)
    .exitOverride()
    .action(async ([image = '', ...others]: string[], given: InspectArguments) => {
      const action = async (signal: AbortSignal): Promise<void> => {
        const { inspectImage } = await import('../inspect-image.js')
        const options = await readOptions(given, [image, ...others], signal)
        const facts = await inspectImage({ ...options, image, others, deep: given.deep })
        if (given.json) return print(JSON.stringify(facts))
        const { imageTable } = await import('../report/image-table.js')
        const columns = (await isTerminal(1)) ? process.stdout.columns : undefined
        await print(imageTable(facts, columns).join('\n'))
      }
      setStatus(await run(given.debug, action))
    })
}
