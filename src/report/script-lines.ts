/** The lines that the reference writes while it streams an image: they stay as they are, byte for byte. */
import type { BuildEvent } from '../model/events.js'
import { pythonListRepr } from '../python/repr.js'

/** @returns undefined for what the reference does not tell of */
export function scriptLine(event: BuildEvent): string | undefined {
  if (event.type === 'no-base') return "No 'fromImage' provided"
  if (event.type === 'manifests-started') return 'Adding manifests...'
  if (event.type === 'done') return 'Done.'
  if (event.type !== 'layer-started') return undefined
  const { number, source } = event
  if (source.kind === 'store') return `Creating layer ${number} from paths: ${pythonListRepr(source.paths)}`
  if (source.kind === 'customisation') return `Creating layer ${number} with customisation...`
  if (source.kind === 'base') return `Adding base layer ${number} from ${source.name}`
  return `Copying layer ${number}, ${source.name}`
}
