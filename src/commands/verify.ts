/** `stream-layered-image verify IMAGE`: whether an image is what it says. */
import type { Command } from 'commander'
import { print } from './delivery.js'
import { addReadOptions, type ReadArguments, readOptions } from './read-arguments.js'
import { runFinding } from './run.js'

interface VerifyArguments extends ReadArguments {
  against?: string
  json?: boolean
}

export function verifyCommand(program: Command, setStatus: (status: number) => void): void {
  const command = program
    .command('verify')
    .description(
      'Reads all of an image, and tells what of it is not what it says, or is refused where it is unpacked. Exit status: 0 valid, 1 not, 2 trouble.',
    )
    .argument('<image>', 'an image, named as destinations are, with all its platforms; or a configuration')
    .option('--against <CONF>', 'it is to be exactly what would be built of this configuration')
    .option('--json', 'print all of it as JSON')
  addReadOptions(command)
    .exitOverride()
    .allowExcessArguments(false)
    .action(async (image: string, given: VerifyArguments) => {
      const action = async (signal: AbortSignal): Promise<boolean> => {
        const { verifyImage } = await import('../verify-image.js')
        const options = await readOptions(given, [image], signal)
        const found = await verifyImage({ ...options, image, against: given.against })
        if (given.json) await print(JSON.stringify(found))
        else {
          const { verificationLines } = await import('../report/verification.js')
          await print(verificationLines(found).join('\n'))
        }
        return !found.isValid
      }
      setStatus(await runFinding(given.debug, action))
    })
}
