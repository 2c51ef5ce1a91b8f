/**
 * What a store's database says of paths, as a file: `nix-store --dump-db` prints it, and `closureInfo` of nixpkgs writes
 * it for the inside of a build. For each path the lines path, NAR hash, NAR size, deriver, number of references, references.
 */
import { isStorePath, nixStoreDir } from '../cache/nix-store.js'
import { ImageError } from '../errors.js'
import { nixBase32 } from '../layers/nar.js'
import type { Closure, StorePath } from './closure.js'

/**
 * @param source what to call it in messages
 * @throws ImageError STORE_PATH_INVALID naming the line
 */
export function parseRegistration(text: string, source: string, storeDir = nixStoreDir()): Closure {
  const lines = text.split('\n')
  const paths = new Map<string, StorePath>()
  let at = 0
  const line = (what: string, fits: (text: string) => boolean): string => {
    const found = lines[at++]
    if (found !== undefined && fits(found)) return found
    throw new ImageError(
      'STORE_PATH_INVALID',
      `${source}: line ${at}: expected ${what}, found ${found === undefined ? 'the end' : JSON.stringify(found.slice(0, 80))}`,
      {
        hint: 'closureInfo { rootPaths = [ … ]; } has the file as registration; nix-store --dump-db prints one',
      },
    )
  }
  const isPath = (found: string): boolean => isStorePath(found, storeDir)
  const isNumber = (found: string): boolean => /^\d{1,15}$/.test(found)
  while (at < lines.length) {
    if (lines[at] === '' && lines.slice(at).every((rest) => rest === '')) break
    const path = line('a store path', isPath)
    const narHash = parseNarHash(line('a SHA-256', (found) => parseNarHash(found) !== undefined))!
    const size = Number(line('the size of a NAR in bytes', isNumber))
    const deriver = line('a deriver, or nothing', (found) => found === '' || isPath(found))
    const count = Number(line('how many references there are', isNumber))
    const references: string[] = []
    while (references.length < count) references.push(line('a reference', isPath))
    const before = paths.get(path)
    if (before !== undefined && before.narHash !== narHash)
      throw new ImageError(
        'STORE_PATH_INVALID',
        `${source}: line ${at}: expected one NAR hash of ${path}, found ${before.narHash} and ${narHash}`,
      )
    paths.set(path, {
      ...{ path, narHash, size, references: [...new Set(references)].filter((it) => it !== path) },
      ...(deriver === '' ? {} : { deriver }),
    })
  }
  return paths
}

/** @returns a SHA-256 that is written in any of Nix's ways as `nix-store --query --hash` prints it */
function parseNarHash(text: string): string | undefined {
  if (/^sha256:[0-9a-df-np-sv-z]{52}$/.test(text)) return text
  const [, hex, base64] = /^(?:(?:sha256:)?([0-9a-f]{64})|sha256-([A-Za-z0-9+/]{43}=))$/.exec(text) ?? []
  if (hex === undefined && base64 === undefined) return undefined
  return `sha256:${nixBase32(hex === undefined ? Buffer.from(base64!, 'base64') : Buffer.from(hex, 'hex'))}`
}
