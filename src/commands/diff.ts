/** `stream-layered-image diff FROM TO`: how two images differ. */
import type { Command } from 'commander'
import { print } from './delivery.js'
import { addReadOptions, type ReadArguments, readOptions } from './read-arguments.js'
import { runFinding } from './run.js'

interface DiffArguments extends ReadArguments {
  json?: boolean
}

export function diffCommand(program: Command, setStatus: (status: number) => void): void {
  const command = program
    .command('diff')
    .description(
      'Shows how two images differ, each difference once. Layers that both have are not read. Exit status: 0 equal, 1 different, 2 trouble.',
    )
    .argument('<from>', 'an image, named as destinations are, or a configuration')
    .argument('<to>', 'another one')
    .option('--json', 'print all of it as JSON')
  addReadOptions(command)
    .exitOverride()
    .allowExcessArguments(false)
    .action(async (from: string, to: string, given: DiffArguments) => {
      const action = async (signal: AbortSignal): Promise<boolean> => {
        const { diffImages } = await import('../diff-images.js')
        const diff = await diffImages({ ...(await readOptions(given, [from, to], signal)), from, to })
        if (given.json) await print(JSON.stringify(diff))
        else if (!diff.equal) {
          const { differenceLines } = await import('../report/differences.js')
          await print(differenceLines(diff).join('\n'))
        }
        return !diff.equal
      }
      setStatus(await runFinding(given.debug, action))
    })
}
