/** `stream-layered-image copy IMAGE`: an image from anywhere to anywhere. */
import type { Command } from 'commander'
import { type AttestationArguments, addAttestationOptions, attestations } from './attestation-options.js'
import { addDeliveryOptions, type DeliveryArguments, deliver } from './delivery.js'
import { run } from './run.js'

interface CopyArguments extends DeliveryArguments, AttestationArguments {
  referrers?: boolean
}

export function copyCommand(program: Command, setStatus: (status: number) => void): void {
  const command = addDeliveryOptions(
    program
      .command('copy')
      .description('Copies an image; layers that are blobs already stay as they are.')
      .argument('<image>', 'an image, named as destinations are'),
  )
  addAttestationOptions(command)
    .option('--referrers', 'copy what is about the image, too: signatures, SBOMs, attestations')
    .exitOverride()
    .allowExcessArguments(false)
    .action(async (image: string, given: CopyArguments) => {
      const action = (signal: AbortSignal): Promise<void> =>
        deliver(
          given,
          signal,
          async (options) => {
            const asked = { ...options, ...attestations(given), image, referrers: given.referrers }
            if (given.dryRun) {
              const { dryRun } = await import('../dry-run.js')
              return dryRun(asked)
            }
            const { copyImage } = await import('../copy-image.js')
            return copyImage(asked)
          },
          [image],
        )
      setStatus(await run(given.debug, action))
    })
}
