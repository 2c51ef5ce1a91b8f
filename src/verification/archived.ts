/** The images of a docker-archive: documents against each other, names against digests, layers. */

import type { ArchivedImage, WholeArchive } from '../layers/whole-archive.js'
import { digestOf, fromHex } from '../model/digest.js'
import { repoTagProblem } from '../registry/repo-tag.js'
import { checkConfig } from './config.js'
import type { Findings } from './findings.js'
import type { LayerAudits } from './layers.js'

/**
 * Layers that are blobs of an image layout in the same archive, and were read as such, may be packed.
 * @param audits those of the layout, where there is one @throws ImageError of the machine
 */
export async function checkArchive(
  archive: WholeArchive,
  audits: LayerAudits,
  findings: Findings,
): Promise<void> {
  for (const problem of archive.problems) findings.add('', problem)
  const names = new Set(archive.images.flatMap((image) => image.names))
  for (const name of names) {
    const problem = repoTagProblem(name)
    if (problem !== undefined) findings.add('manifest.json', problem)
  }
  for (const name of archive.repositories ?? [])
    if (!names.has(name))
      findings.add('repositories', `expected the names of manifest.json, found ${name.slice(0, 300)}`)
  for (const [i, image] of archive.images.entries()) {
    if (!archive.isLayout) findings.checked.images++
    checkDocuments(image, findings)
    await findings.inOrder(() =>
      image.layers.map(({ name, range, diffId }, k) => {
        const shown = archive.images.length > 1 ? `image ${i + 1}, ` : ''
        const where = `${shown}layer ${k + 1} (${name.slice(0, 300)})`
        const named = digestOfName(name)
        const isBlob = named !== undefined && audits.has(named, k === 0)
        if (named !== undefined && named !== diffId && !isBlob)
          findings.add(where, `expected the digest of its name, found the diff ID ${diffId} in its config`)
        const key = isBlob ? named : `${range.offset} ${range.size}`
        return audits.inTurn(() => audits.check(key, where, { ...archive.file, range }, k === 0, diffId))
      }),
    )
  }
}

function checkDocuments({ configName, config, layers }: ArchivedImage, findings: Findings): void {
  const bytes = Buffer.from(config)
  findings.checked.bytes += bytes.length
  const digest = digestOf(bytes)
  const [, hex] =
    /^(?:blobs\/sha256\/([0-9a-f]{64}))$/.exec(configName) ?? /^([0-9a-f]{64})\.json$/.exec(configName) ?? []
  if (hex !== undefined && fromHex(hex) !== digest)
    findings.add(configName, `expected the digest of its name, found ${digest}`)
  for (const problem of checkConfig(bytes, layers.length).problems)
    findings.add(configName.slice(0, 300), problem)
}

/** Of a layer's member: what Docker from version 25 on, podman and skopeo call it; older names are no digests. */
function digestOfName(name: string): string | undefined {
  const [, blob, file] = /^(?:blobs\/sha256\/([0-9a-f]{64})|([0-9a-f]{64})\.tar)$/.exec(name) ?? []
  const hex = blob ?? file
  return hex === undefined ? undefined : fromHex(hex)
}
