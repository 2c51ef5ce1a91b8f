/**
 * Package URLs of store paths. The type `nix` is among the candidates of the purl specification, not yet among the types
 * that are defined: name and version are as proposed there; the store path's hash is the qualifier that Syft uses.
 */
import { PackageURL } from 'packageurl-js'
import type { Package } from './contents.js'
import { storeHashOf } from './drv-name.js'

/** `pkg:nix/hello@2.12?outputhash=…` */
export function purlOf({ path, name, version }: Package): string {
  const hash = storeHashOf(path)
  const qualifiers = hash === undefined ? undefined : { outputhash: hash }
  return new PackageURL('nix', undefined, name, version, qualifiers, undefined).toString()
}
