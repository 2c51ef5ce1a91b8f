/** `stream-layered-image sbom IMAGE`: what an image is made of. */
import { type Command, Option } from 'commander'
import { SBOM_FORMATS, type SbomFormat } from '../attestations/sbom.js'
import { addReadOptions, type ReadArguments, readOptions } from './read-arguments.js'
import { run } from './run.js'

interface SbomArguments extends ReadArguments {
  format?: SbomFormat
}

export function sbomCommand(program: Command, setStatus: (status: number) => void): void {
  const command = program
    .command('sbom')
    .description('Prints the SBOM of an image: the one that is attached to it, or one of its store paths.')
    .argument('<image>', 'an image, named as destinations are, or a configuration')
    .addOption(
      new Option('--format <FORMAT>', 'of the SBOM (default: of the attached one, or cyclonedx)').choices(
        SBOM_FORMATS,
      ),
    )
  addReadOptions(command)
    .exitOverride()
    .allowExcessArguments(false)
    .action(async (image: string, given: SbomArguments) => {
      const action = async (signal: AbortSignal): Promise<void> => {
        const { sbomOf } = await import('../sbom-image.js')
        const options = await readOptions(given, [image], signal)
        const sbom = await sbomOf({ ...options, image, format: given.format })
        const { FdOutput } = await import('../outputs/fd-output.js')
        const output = await FdOutput.open(1)
        await output.write(sbom)
        await output.end()
      }
      setStatus(await run(given.debug, action))
    })
}
