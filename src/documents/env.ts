import { ImageError } from '../errors.js'
import type { Json } from '../python/json.js'
import { parseJson } from '../python/parse-json.js'
import { envEntries } from '../spec/env.js'

/**
 * The `NAME=value` entries of an image config; none when its `config` or `Env` is null.
 * @param name of the image, for the message @throws ImageError BASE_INVALID
 */
export function envOf(imageConfig: Buffer, name: string): string[] {
  const image = parseJson(new TextDecoder().decode(imageConfig))
  try {
    return envEntries(image instanceof Map ? (image.get('config') ?? null) : null, name)
  } catch (error) {
    if (!(error instanceof ImageError)) throw error
    throw new ImageError('BASE_INVALID', `base image ${error.message}`, { cause: error })
  }
}

/**
 * The `config` of an image on a base: the base's environment under its own, of a name the last entry, at the first
 * one's place. Without any entry the config stays as it was written.
 * @param base `NAME=value` entries
 * @throws ImageError CONF_INVALID when the config's `Env` is no list of strings
 */
export function overlayEnv(config: Json, base: readonly string[]): Json {
  const byName = new Map<string, string>()
  for (const entry of [...base, ...envEntries(config, 'the configuration')])
    byName.set(entry.split('=', 1)[0]!, entry)
  if (byName.size === 0) return config
  return new Map(config instanceof Map ? config : []).set('Env', [...byName.values()])
}
