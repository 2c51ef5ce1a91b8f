/** `stream-layered-image layer PATH…`: one layer's checksum pass, for builds anywhere. */
import type { Command } from 'commander'
import type { CompressionOptions } from '../options.js'
import {
  addClosureOptions,
  type ClosureArguments,
  gather,
  namedPaths,
  wholeNumber,
} from './closure-arguments.js'
import { parseCompression } from './delivery.js'
import { run } from './run.js'

interface LayerArguments extends ClosureArguments {
  output: string
  closure?: boolean
  without?: string[]
  compress?: CompressionOptions
  blob?: string
  jobs?: number
}

export function layerCommand(program: Command, setStatus: (status: number) => void): void {
  const command = program
    .command('layer')
    .description('Writes a layer file: what the checksum pass of a layer of these store paths finds.')
    .argument('[paths...]', 'store paths, or links to them')
    .requiredOption('-o, --output <FILE>', 'the layer file')
    .option('--closure', 'the layer has all that the paths need too')
    .option('--without <FILE>', 'leave out the paths of this layer file', gather)
    .option('--compress <KIND>', 'make its blob too: gzip[:LEVEL] or zstd[:LEVEL]', parseCompression)
    .option('--blob <FILE>', 'where the blob goes')
    .option('-j, --jobs <N>', 'run N worker threads', wholeNumber, 1)
  addClosureOptions(command)
    .exitOverride()
    .action(async (paths: string[], given: LayerArguments) => {
      const action = async (signal: AbortSignal): Promise<void> => {
        const { sumLayer } = await import('../sum-layer.js')
        const { compress: compression, jobs: threads } = given
        await sumLayer({
          ...given,
          compression,
          threads,
          paths: await namedPaths(paths, given, signal),
          signal,
        })
      }
      setStatus(await run(given.debug, action))
    })
}
