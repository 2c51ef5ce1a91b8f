/** What is attached to an image: options of every verb that delivers one. */
import { type Command, Option } from 'commander'
import { SBOM_FORMATS, type SbomFormat } from '../attestations/sbom.js'
import type { DeliveryOptions } from '../options.js'

export interface AttestationArguments {
  sbom?: SbomFormat
  signer?: string
}

export function addAttestationOptions(command: Command): Command {
  return command
    .optionsGroup('Attestations:')
    .addOption(
      new Option(
        '--sbom <FORMAT>',
        'attach an SBOM of the store paths, in registries and image layouts',
      ).choices(SBOM_FORMATS),
    )
    .option(
      '--signer <COMMAND>',
      'attach what this command makes: it reads the descriptor of the manifest and prints the path of an image layout',
    )
}

export function attestations({
  sbom,
  signer,
}: AttestationArguments): Pick<DeliveryOptions, 'sbom' | 'signer'> {
  return { sbom, signer }
}
