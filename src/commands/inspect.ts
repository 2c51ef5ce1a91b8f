/** `stream-layered-image inspect IMAGE`: what can be said of an image. */
import { type Command, Option } from 'commander'
import { ImageError } from '../errors.js'
import type { InspectOptions } from '../inspect-image.js'
import { print } from './delivery.js'
import { addReadOptions, type ReadArguments, readOptions } from './read-arguments.js'
import { isTerminal } from './reports.js'
import { run } from './run.js'

interface InspectArguments extends ReadArguments {
  json?: boolean
  html?: string
  registration?: string
  report?: string
  deep?: boolean
}

export function inspectCommand(program: Command, setStatus: (status: number) => void): void {
  const command = program
    .command('inspect')
    .description('Shows what is in an image: its configuration, its layers, and what each takes.')
    .argument(
      '<image...>',
      'an image, named as destinations are, or a configuration; further ones may share layers with it',
    )
    .addOption(new Option('--json', 'print all of it as JSON').conflicts('html'))
    .option(
      '--html <FILE>',
      'write a page there that shows all of it, and opens in any browser; - is standard output',
    )
    .option(
      '--registration <FILE>',
      "with --html: references, as closureInfo's registration has them (default: those of the Nix store)",
    )
    .option('--report <FILE>', 'with --html: what the threads of a build did, which wrote it with --report')
    .option('--deep', 'download the layers of an image in a registry, to tell what is in them')
  addReadOptions(command)
    .exitOverride()
    .action(async ([image = '', ...others]: string[], given: InspectArguments) => {
      const action = async (signal: AbortSignal): Promise<void> => {
        const { inspectImage } = await import('../inspect-image.js')
        const options = await readOptions(given, [image, ...others], signal)
        const asked = { ...options, image, others, deep: given.deep }
        if (given.html !== undefined) return writePage(given.html, given, asked)
        expectPage(given)
        const facts = await inspectImage(asked)
        if (given.json) return print(JSON.stringify(facts))
        const { imageTable } = await import('../report/image-table.js')
        const columns = (await isTerminal(1)) ? process.stdout.columns : undefined
        await print(imageTable(facts, columns).join('\n'))
      }
      setStatus(await run(given.debug, action))
    })
}

async function writePage(
  file: string,
  { registration, report }: InspectArguments,
  options: InspectOptions,
): Promise<void> {
  const { inspectImage } = await import('../inspect-image.js')
  const { explore } = await import('../explorer/explore.js')
  const { expectApart } = await import('../files/apart.js')
  const { namedPaths } = await import('./named-paths.js')
  const { writeWhole } = await import('../files/partial-file.js')
  const { signal } = options
  const read = [options.image, ...(options.others ?? []), registration, report].filter(
    (it) => it !== undefined,
  )
  if (file !== '-') expectApart([{ name: file, path: file }], namedPaths(read))
  const { html } = await explore(await inspectImage({ ...options, detailed: true }), {
    registration,
    report,
    signal,
  })
  await (file === '-' ? print(html.trimEnd()) : writeWhole(file, html, signal))
}

/** @throws ImageError OPTION_INVALID for what is only shown on a page */
function expectPage(given: InspectArguments): void {
  for (const option of ['registration', 'report'] as const)
    if (given[option] !== undefined)
      throw new ImageError('OPTION_INVALID', `--${option}: expected --html FILE with it, found none`)
}
