/** What an image config tells, whoever wrote it (OCI image specification 1.1, "Image Configuration"). */
import * as v from 'valibot'
import { parseDocument } from '../documents/json.js'
import type { Platform } from '../documents/oci-index.js'
import { platformOf } from '../documents/platform.js'
import { ImageError } from '../errors.js'
import type { HistoryEntry } from './facts.js'

interface ConfigFacts {
  platform: Platform
  created?: string
  config: unknown
  history: HistoryEntry[]
}

const TEXT = v.nullish(v.string())
const ENTRY = v.object({
  created: TEXT,
  created_by: TEXT,
  comment: TEXT,
  author: TEXT,
  empty_layer: v.nullish(v.boolean()),
})
const CONFIG = v.object({
  created: TEXT,
  config: v.optional(v.unknown()),
  history: v.nullish(v.array(ENTRY)),
})

/** @param name of the image, for messages @throws ImageError IMAGE_INVALID */
export function readConfig(bytes: Buffer, name: string): ConfigFacts {
  try {
    const { created, config, history } = v.parse(CONFIG, parseDocument(bytes))
    return {
      platform: platformOf(bytes),
      ...(created == null ? {} : { created }),
      config: config ?? null,
      history: (history ?? []).map(entryOf),
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ImageError(
      'IMAGE_INVALID',
      `${name}: expected an image config, found other content: ${reason}`,
      { cause },
    )
  }
}

function entryOf(entry: v.InferOutput<typeof ENTRY>): HistoryEntry {
  const { created, created_by: createdBy, comment, author } = entry
  const texts = Object.entries({ created, createdBy, comment, author }).filter(([, text]) => text != null)
  return { ...Object.fromEntries(texts), ...(entry.empty_layer ? { isEmpty: true } : {}) }
}

/** The entry of each layer; none where the history is of another number of layers. */
export function entriesOfLayers(history: readonly HistoryEntry[], layers: number): HistoryEntry[] {
  const entries = history.filter(({ isEmpty }) => !isEmpty)
  return entries.length === layers ? entries : []
}
