/** `stream-layered-image why IMAGE PATH`: what a store path is in an image for. */
import type { Command } from 'commander'
import { print } from './delivery.js'
import { addReadOptions, type ReadArguments, readOptions } from './read-arguments.js'
import { run } from './run.js'

interface WhyArguments extends ReadArguments {
  registration?: string
  json?: boolean
  deep?: boolean
}

export function whyCommand(program: Command, setStatus: (status: number) => void): void {
  const command = program
    .command('why')
    .description('Shows what a store path is in an image for, and what is there for it alone.')
    .argument('<image>', 'an image, named as destinations are, or a configuration')
    .argument('<path>', 'a store path, or a part of its name')
    .option('--registration <FILE>', "ask no store: the file has what closureInfo's registration has")
    .option('--json', 'print it as JSON')
    .option('--deep', 'download the layers of an image in a registry, for the links in its root')
  addReadOptions(command)
    .exitOverride()
    .allowExcessArguments(false)
    .action(async (image: string, path: string, given: WhyArguments) => {
      const action = async (signal: AbortSignal): Promise<void> => {
        const { whyInImage } = await import('../why-image.js')
        const options = await readOptions(given, [image], signal)
        const { registration, deep } = given
        const facts = await whyInImage({ ...options, image, path, registration, deep })
        if (given.json) return print(JSON.stringify(facts))
        const { whyTable } = await import('../report/why-table.js')
        await print(whyTable(facts).join('\n'))
      }
      setStatus(await run(given.debug, action))
    })
}
