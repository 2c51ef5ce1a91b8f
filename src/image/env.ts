import type { Json } from '../python/json.js'

/**
 * The `config` object with the base image's environment under its own: the base's entries, then the
 * configuration's; of a name the last entry wins, at the first one's place.
 */
export function overlayEnv(config: Json, base: readonly string[]): Json {
  const own = config instanceof Map ? config.get('Env') : undefined
  const entries = [...base, ...(Array.isArray(own) ? own : [])]
  const byName = new Map<string, Json>()
  for (const entry of entries) byName.set(String(entry).split('=', 1)[0]!, entry)
  return new Map(config instanceof Map ? config : []).set('Env', [...byName.values()])
}
