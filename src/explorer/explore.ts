/** The explorer of an image, with what is known around it. */
import type { ImageFacts } from '../inspection/facts.js'
import { imageData } from './image-data.js'
import { explorerPage, type Page } from './page.js'
import { referencesOf } from './references.js'
import { readTimeline } from './timeline-data.js'

export interface ExploreOptions {
  /** As {@link referencesOf} takes it. */
  registration?: string | undefined
  /** A file that a build wrote with `--report`. */
  report?: string | undefined
  signal?: AbortSignal | undefined
}

/** @param facts in detail @throws ImageError STORE_PATH_INVALID, OPTION_INVALID for files that are others */
export async function explore(
  facts: ImageFacts,
  { registration, report, signal }: ExploreOptions = {},
): Promise<Page> {
  const timeline = report === undefined ? undefined : await readTimeline(report, signal)
  const data = imageData(facts, await referencesOf(facts, registration, signal))
  return explorerPage({ ...data, ...(timeline === undefined ? {} : { timeline }) })
}
