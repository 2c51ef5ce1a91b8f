/** The images of a docker-archive: documents against each other, names against digests, layers. */

import type { ArchivedImage } from '../layers/whole-archive.js'
import { digestOf, fromHex } from '../model/digest.js'
import type { Workshop } from '../pool/workshop.js'
import { repoTagProblem } from '../registry/repo-tag.js'
import { checkConfig } from './config.js'
import type { Findings } from './findings.js'
import { LayerAudits } from './layers.js'

/** @returns whether it is an image layout, too @throws ImageError of the machine */
export async function checkArchive(path: string, workshop: Workshop, findings: Findings): Promise<boolean> {
  const archive = await findings.attempt('', () => workshop.openArchive(path))
  if (archive === undefined) return false
  for (const problem of archive.problems) findings.add('', problem)
  const audits = new LayerAudits(workshop, findings)
  const names = new Set(archive.images.flatMap((image) => image.names))
  for (const name of names) {
    const problem = repoTagProblem(name)
    if (problem !== undefined) findings.add('manifest.json', problem)
  }
  for (const name of archive.repositories ?? [])
    if (!names.has(name))
      findings.add('repositories', `expected the names of manifest.json, found ${name.slice(0, 300)}`)
  for (const [i, image] of archive.images.entries()) {
    findings.checked.images++
    checkDocuments(image, findings)
    await Promise.all(
      image.layers.map(({ name, range, diffId }, k) => {
        const shown = archive.images.length > 1 ? `image ${i + 1}, ` : ''
        const where = `${shown}layer ${k + 1} (${name.slice(0, 300)})`
        const key = `${range.offset} ${range.size}`
        const named = digestOfName(name)
        if (named !== undefined && named !== diffId)
          findings.add(where, `expected the digest of its name, found the diff ID ${diffId} in its config`)
        return audits.inTurn(() => audits.check(key, where, { ...archive.file, range }, k === 0, diffId))
      }),
    )
  }
  return archive.isLayout && archive.file.compression === 'none'
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
