/** Whether an image is what it says, and what a configuration describes; found by reading all of it. */
import { diffOpened } from './diff-images.js'
import { inRun, type Run } from './in-run.js'
import type { BlobReader } from './model/blob-store.js'
import type { ReadOptions } from './options.js'
import { withoutUserinfo } from './registry/reference.js'
import { namesConf, openAny } from './sources/any.js'
import type { Place } from './transports/transport.js'
import { parsePlace } from './transports.js'
import { Findings } from './verification/findings.js'
import type { Verification } from './verification/result.js'

export interface VerifyOptions extends ReadOptions {
  /** An image, named as destinations are, with all its platforms; or a configuration. */
  image: string
  /** A configuration: the image is to be exactly what would be built of it. */
  against?: string | undefined
}

/** @throws ImageError where it cannot be read: what is wrong with the image itself is a problem, not an error */
export async function verifyImage(options: VerifyOptions): Promise<Verification> {
  return inRun(options, (run) => verifyIn(run, options))
}

/** As {@link verifyImage}, in a run that goes on. */
export async function verifyIn(
  run: Run,
  { image, against }: Pick<VerifyOptions, 'image' | 'against'>,
): Promise<Verification> {
  const findings = new Findings()
  if (await namesConf(image)) await checkConfiguration(image, run, findings)
  else await checkPlace(parsePlace(image), run, findings)
  const diff = against === undefined ? undefined : await compareWith(against, image, run, findings)
  const isDifferent = diff !== undefined && !diff.equal
  return {
    image: withoutUserinfo(image),
    isValid: findings.problems.length === 0 && !isDifferent,
    problems: findings.problems,
    checked: findings.checked,
    ...(isDifferent ? { against: diff } : {}),
  }
}

async function checkPlace(place: Place, run: Run, findings: Findings): Promise<void> {
  const { workshop, context } = run
  const held = await place.holder(context)
  const { LayerAudits } = await import('./verification/layers.js')
  const audits = new LayerAudits(workshop, findings)
  const { StoredImages } = await import('./verification/stored.js')
  const checkStore = (store: BlobReader, reference?: string): Promise<void> =>
    new StoredImages(store, findings, workshop, audits).check(reference)
  if ('store' in held) return checkStore(held.store, held.reference)
  const archive = await findings.attempt('', () => workshop.openArchive(held.archive))
  if (archive === undefined) return
  if (archive.isLayout) {
    const { OciArchive } = await import('./blob-stores/oci-archive.js')
    const store = await findings.attempt('', () => OciArchive.read(place.name, archive.file.path, run.signal))
    if (store !== undefined) {
      context.onEnd(() => store.close())
      await checkStore(store)
    }
  }
  const { checkArchive } = await import('./verification/archived.js')
  await checkArchive(archive, audits, findings)
}

/** The image that a configuration describes. */
async function checkConfiguration(name: string, run: Run, findings: Findings): Promise<void> {
  const { image } = await openAny(name, run)
  const { LayerAudits } = await import('./verification/layers.js')
  const { checkConfig } = await import('./verification/config.js')
  const audits = new LayerAudits(run.workshop, findings)
  const diffIds = await Promise.all(image.layers.map(async (layer) => (await run.passes.of(layer)).diffId))
  await findings.inOrder(() =>
    image.layers.map((layer, i) =>
      audits.inTurn(async () =>
        audits.check(`${i}`, `layer ${i + 1}`, await layer.recipe(), i === 0, diffIds[i]),
      ),
    ),
  )
  findings.checked.images++
  for (const problem of checkConfig(image.config(diffIds).bytes, image.layers.length).problems)
    findings.add('config', problem)
}

/** How the image differs from what would be built. */
async function compareWith(conf: string, image: string, run: Run, findings: Findings) {
  const expected = await openAny(conf, run)
  const found = await findings.attempt('', () => openAny(image, run))
  if (found === undefined) return undefined
  return findings.attempt('', () => diffOpened({ name: conf, ...expected }, { name: image, ...found }, run))
}
