/** `stream-layered-image plan PATH…`: the configuration of an image of store paths. */
import { type Command, Option } from 'commander'
import type { PlanOptions } from '../plan-image.js'
import {
  addClosureOptions,
  type ClosureArguments,
  gather,
  namedPaths,
  wholeNumber,
} from './closure-arguments.js'
import { print } from './delivery.js'
import { run } from './run.js'

type PlanArguments = ClosureArguments & Omit<PlanOptions, 'paths' | 'signal'>

/** Engines take more, but bases and those who build on the image want some too. */
const MAX_LAYERS = 100

export function planCommand(program: Command, setStatus: (status: number) => void): void {
  const command = program
    .command('plan')
    .description(
      'Plans an image of store paths and all that they need: a conf.json with its customisation layer.',
    )
    .argument('[paths...]', 'store paths, or links to them')
    .requiredOption('-o, --output <DIR>', 'write conf.json and customisation/ there')
    .option('-t, --tag <TAG>', 'NAME[:TAG] of the image (default: as the first path is called)')
    .option('--cmd <WORD>', 'a word of the command; its first one may be the name of a program', gather)
    .option('--entrypoint <WORD>', 'a word of the entrypoint; as --cmd', gather)
    .option('--env <NAME=VALUE>', 'set an environment variable', gather)
    .option('--workdir <DIR>', 'start there')
    .option('--user <USER>', 'run as this user')
    .option('--label <NAME=VALUE>', 'label the image', gather)
    .option('--expose <PORT>', 'the port that is listened on', gather)
    .option('--volume <DIR>', 'the directory is a volume', gather)
    .option('--stop-signal <SIGNAL>', 'what stops it')
    .option('--from <BASE>', 'on top of this image: a docker-archive, or named as destinations are')
    .option('--created <TIME>', 'of the image, "now" or ISO 8601 (default: 1970-01-01T00:00:01Z)')
    .option('--arch <NAME>', "the processor (default: this machine's)")
    .option('--copy-to-root', "link the given paths' files into /, as contents of dockerTools does")
    .option('--fake-nss', 'add /etc/passwd, /etc/group and /etc/nsswitch.conf with root and nobody')
    .option('--ca-certificates', 'link the certificates that a path has where programs look for them')
    .option('--max-layers <N>', 'of the image, the base included', wholeNumber, MAX_LAYERS)
    .addOption(
      new Option('--layering <WAY>', 'how paths come into layers')
        .choices(['nixpkgs', 'stable'])
        .default('nixpkgs'),
    )
    .option('--layering-from <PREVIOUS>', 'keep the layers of this conf.json or image; is stable')
    .option('--known <FILE>', "a layer file, whose layer is one of the image's lowest", gather)
  addClosureOptions(command)
    .exitOverride()
    .action(async (paths: string[], given: PlanArguments) => {
      const action = async (signal: AbortSignal): Promise<void> => {
        const { planImage } = await import('../plan-image.js')
        const planned = await planImage({ ...given, paths: await namedPaths(paths, given, signal), signal })
        await print(JSON.stringify(planned))
      }
      setStatus(await run(given.debug, action))
    })
}
