/** What an image runs on, as its config says (OCI image specification 1.1, "Image Configuration"). */
import * as v from 'valibot'
import type { Platform } from './oci-index.js'

const CONFIG = v.object({
  architecture: v.string(),
  os: v.string(),
  variant: v.nullish(v.string()),
})

/** @param config an image config's bytes */
export function platformOf(config: Buffer): Platform {
  const { architecture, os, variant } = v.parse(CONFIG, JSON.parse(config.toString()))
  return { architecture, os, ...(variant ? { variant } : {}) }
}
