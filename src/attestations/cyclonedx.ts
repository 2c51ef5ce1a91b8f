/** SBOMs in the JSON of CycloneDX 1.6, the same bytes for the same image. */
import { Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library'
import { toHex } from '../model/digest.js'
import { VERSION } from '../version.js'
import type { Contents, Package } from './contents.js'
import { purlOf } from './purl.js'
import { uuidOf } from './uuid.js'

/** Where a store path's layers stand. */
const DIFF_ID = 'oci:layer:diffId'

export function cycloneDx(contents: Contents): Buffer {
  const { name, imageId, created, packages } = contents
  const bom = new Models.Bom({ serialNumber: `urn:uuid:${uuidOf(JSON.stringify([VERSION, contents]))}` })
  const image = new Models.Component(Enums.ComponentType.Container, name, { bomRef: imageId })
  image.hashes.set(Enums.HashAlgorithm['SHA-256'], toHex(imageId))
  bom.metadata.component = image
  bom.metadata.timestamp = new Date(created)
  const tool = new Models.Component(Enums.ComponentType.Application, 'stream-layered-image', {
    version: VERSION,
  })
  bom.metadata.tools.components.add(tool)
  const components = new Map(packages.map((it) => [it.path, componentOf(it)]))
  for (const { path, known } of packages) {
    const component = components.get(path)!
    bom.components.add(component)
    image.dependencies.add(component.bomRef)
    for (const reference of known?.references ?? [])
      component.dependencies.add(components.get(reference)!.bomRef)
  }
  const factory = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6)
  return Buffer.from(`${new Serialize.JsonSerializer(factory).serialize(bom, { space: 2 })}\n`)
}

function componentOf(it: Package): Models.Component {
  const { path, name, version, diffIds, known } = it
  const component = new Models.Component(Enums.ComponentType.Library, name, {
    ...{ bomRef: path, purl: purlOf(it), ...(version === undefined ? {} : { version }) },
  })
  const properties: [string, string | undefined][] = [
    ['nix:storePath', path],
    ['nix:narHash', known?.narHash],
    ['nix:deriver', known?.deriver],
    ...diffIds.map((diffId): [string, string] => [DIFF_ID, diffId]),
  ]
  for (const [key, value] of properties)
    if (value !== undefined) component.properties.add(new Models.Property(key, value))
  if (known !== undefined) component.hashes.set(Enums.HashAlgorithm['SHA-256'], known.narHex)
  return component
}
