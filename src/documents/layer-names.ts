/** Layers in words. */
import { ImageError } from '../errors.js'
import { changed } from '../layers/fingerprint.js'
import type { LayerSource } from '../model/layer.js'
import { pythonListRepr } from '../python/repr.js'

/** The list that an image's history shows for the layer. */
export function historyPaths(source: LayerSource): readonly string[] {
  if (source.kind === 'store') return source.paths
  return [source.kind === 'customisation' ? source.directory : source.name]
}

/** The layer in a message. */
export function nameOf(source: LayerSource): string {
  if (source.kind === 'store') return `layer of ${pythonListRepr(source.paths)}`
  if (source.kind === 'customisation') return `customisation layer ${source.directory}`
  return source.kind === 'base' ? `base layer ${source.name}` : `layer ${source.name}`
}

/** The error for a layer that is not what its image says, or no longer what it was. */
export function untrueLayer(source: LayerSource, expected: string, found: string): ImageError {
  if (source.kind === 'store' || source.kind === 'customisation') {
    const what = source.kind === 'store' ? `a file in the ${nameOf(source)}` : nameOf(source)
    return changed(what, expected, found)
  }
  const code = source.kind === 'base' ? 'BASE_INVALID' : 'IMAGE_INVALID'
  return new ImageError(code, `${nameOf(source)}: expected the diff ID ${expected}, found ${found}`, {
    hint: 'it is damaged: save or fetch the image again',
  })
}
