/** `stream-layered-image copy IMAGE`: an image from anywhere to anywhere. */
import type { Command } from 'commander'
import { addDeliveryOptions, type DeliveryArguments, deliver } from './delivery.js'
import { run } from './run.js'

interface CopyArguments extends DeliveryArguments {
  referrers?: boolean
}

export function copyCommand(program: Command, setStatus: (status: number) => void): void {
  addDeliveryOptions(
    program
      .command('copy')
      .description('Copies an image; layers that are blobs already stay as they are.')
      .argument('<image>', 'an image, named as destinations are'),
  )
    .optionsGroup('Attestations:')
    .option('--referrers', 'copy what is about the image, too: signatures, SBOMs, attestations')
    .exitOverride()
    .allowExcessArguments(false)
    .action(async (image: string, given: CopyArguments) => {
      const action = (signal: AbortSignal): Promise<void> =>
        deliver(
          given,
          signal,
          async (options) => {
            if (given.dryRun) {
              const { dryRun } = await import('../dry-run.js')
              return dryRun({ ...options, image })
            }
            const { copyImage } = await import('../build-image.js')
            return copyImage({ ...options, image, referrers: given.referrers })
          },
          [image],
        )
      setStatus(await run(given.debug, action))
    })
}
