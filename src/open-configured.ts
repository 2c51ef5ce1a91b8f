import { expectOutside } from './files/apart.js'
import type { Build } from './in-build.js'
import { type BuildOptions, namesOf } from './options.js'
import type { ConfImage } from './sources/conf.js'
import type { Conf } from './spec/conf.js'
import { checkRepoTag } from './writers/repo-tags.js'

/**
 * The image that a configuration describes, by the names that it gets; and its own layers, which are known before it is.
 * @throws ImageError CONF_INVALID, OPTION_INVALID, DESTINATION_INVALID for a destination that would be in the image
 */
export async function openConfigured(
  from: string | Conf,
  options: Pick<BuildOptions, 'repoTag' | 'known'>,
  build: Build,
): Promise<ConfImage> {
  const conf = typeof from === 'string' ? await readConf(from, build) : from
  expectOutside(build.written, conf.storeLayers.flat())
  const asked = namesOf(options.repoTag)
  const names = asked.length > 0 ? asked : [conf.repoTag]
  for (const name of names) checkRepoTag(name, asked.length > 0, build)
  const { openKnownConf } = await import('./sources/any.js')
  return openKnownConf(conf, names, [...(options.known ?? []), ...(conf.knownLayers ?? [])], build)
}

async function readConf(name: string, { emit, signal }: Build): Promise<Conf> {
  const { openConfFile } = await import('./sources/conf-file.js')
  return openConfFile(name, (conf, where) => emit({ type: 'configuration-found', conf, where }), signal)
}
