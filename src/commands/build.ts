/** `stream-layered-image CONF`: the image that a configuration describes. */
import type { Command } from 'commander'
import { ImageError } from '../errors.js'
import { type AttestationArguments, addAttestationOptions, attestations } from './attestation-options.js'
import { gather } from './closure-arguments.js'
import { addDeliveryOptions, type DeliveryArguments, deliver } from './delivery.js'
import { KnownOption } from './known-option.js'
import { run } from './run.js'

interface BuildArguments extends DeliveryArguments, AttestationArguments {
  provenance?: boolean
  repo_tag?: string[]
  known?: string[]
}

export function buildCommand(program: Command, setStatus: (status: number) => void): void {
  program
    .description(
      'Streams the container image that CONF describes to standard output, as docker load reads it, or delivers it.',
    )
    .argument(
      '<conf...>',
      'conf.json of dockerTools.streamLayeredImage, or its script, or a directory that holds one; - is standard input; several, of one platform each, make an image index',
    )
    .optionsGroup('Image:')
    .addOption(
      new KnownOption('-t, --repo_tag <TAG>', 'use TAG in place of the repo_tag of CONF; may be repeated', [
        '--tag',
      ]).argParser(gather),
    )
    .option(
      '--known <FILE>',
      'a layer file, whose layer needs no checksum pass; may be repeated',
      (file: string, before: string[] = []) => [...before, file],
    )
  addAttestationOptions(addDeliveryOptions(program))
    .option('--provenance', 'attach how the image was made, as SLSA provenance')
    .exitOverride()
    .allowExcessArguments(false)
    .addHelpText('after', '\nExample:\n  stream-layered-image conf.json | docker load')
    .action(async (confs: string[], given: BuildArguments) => {
      const action = (signal: AbortSignal): Promise<void> =>
        deliver(
          given,
          signal,
          async (options) => {
            const { provenance } = given
            const asked = {
              ...options,
              ...attestations(given),
              provenance,
              repoTag: given.repo_tag,
              known: given.known,
            }
            const [conf = '', ...others] = confs
            if (others.length > 0 && given.known !== undefined)
              throw new ImageError('OPTION_INVALID', '--known: expected one configuration, found several', {
                hint: 'name the files in the configurations, as their known_layers',
              })
            if (given.dryRun) {
              const { dryRun } = await import('../dry-run.js')
              return dryRun(others.length === 0 ? { ...asked, conf } : { ...asked, confs })
            }
            if (others.length > 0) return (await import('../build-index.js')).buildIndex({ ...asked, confs })
            const { buildImage } = await import('../build-image.js')
            return buildImage({ ...asked, conf })
          },
          confs,
        )
      setStatus(await run(given.debug, action))
    })
}
