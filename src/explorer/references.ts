/** What store paths refer to: as a registration has it, or where this machine's Nix store knows them. */
import type { Closure } from '../closure/closure.js'
import { describeKnown } from '../closure/query.js'
import { parseRegistration } from '../closure/registration.js'
import { readText } from '../files/read-whole.js'
import type { ImageFacts } from '../inspection/facts.js'
import type { References } from './image-data.js'

/**
 * @param registration a file that says of paths what the store's database does; undefined: Nix is asked
 * @throws ImageError STORE_PATH_INVALID for another file
 */
export async function referencesOf(
  { layers, storeDir }: ImageFacts,
  registration: string | undefined,
  signal: AbortSignal | undefined,
): Promise<References> {
  const paths = new Set(layers.flatMap(({ storePaths }) => storePaths.map(({ path }) => path)))
  if (paths.size === 0) return { missing: 'the image has no store paths' }
  const found =
    registration === undefined
      ? await describeKnown([...paths], signal)
      : await readRegistration(registration, storeDir, signal)
  if (found === undefined)
    return { missing: 'no Nix store was there to be asked; --registration has them too' }
  const known = [...found.values()].filter(({ path }) => paths.has(path))
  const asked = registration === undefined ? 'Nix store' : 'registration'
  if (known.length === 0) return { missing: `the ${asked} does not have these paths` }
  return new Map(known.map(({ path, references }) => [path, references]))
}

async function readRegistration(
  file: string,
  storeDir: string,
  signal: AbortSignal | undefined,
): Promise<Closure> {
  const about = `cannot read the registration ${file}`
  return parseRegistration(await readText(file, 'STORE_PATH_INVALID', about, signal), file, storeDir)
}
