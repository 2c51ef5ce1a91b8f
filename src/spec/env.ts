import { ImageError } from '../errors.js'
import type { Json } from '../python/json.js'

/**
 * The `NAME=value` entries of an image's `config`; none where it or its `Env` is null or missing.
 * @param source what holds the config, for the message
 * @throws ImageError CONF_INVALID when `Env` is no list of strings: nothing then tells which names it sets
 */
export function envEntries(config: Json, source: string): string[] {
  const env = config instanceof Map ? (config.get('Env') ?? null) : null
  if (env === null) return []
  if (Array.isArray(env) && env.every((entry) => typeof entry === 'string')) return env
  throw new ImageError(
    'CONF_INVALID',
    `${source}: key "config.Env": expected a list of strings, to go over the base image's, found ${kind(env)}`,
  )
}

function kind(env: Json): string {
  return Array.isArray(env) ? 'a list with something else' : 'something else'
}
