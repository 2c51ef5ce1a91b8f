/** Facts of images that nobody built. */
import type { ImageFacts, LayerFacts, PathFacts } from '../../src/inspection/facts.js'
import { digestOf } from '../../src/model/digest.js'

export function storePath(i: number, name: string): string {
  return `/nix/store/${i
    .toString(32)
    .replace(/[eotu]/g, 'z')
    .padStart(32, '0')}-${name}`
}

/** @param layers store paths of each, from the lowest on */
export function imageFacts(
  layers: readonly (readonly PathFacts[])[],
  others: Partial<ImageFacts> = {},
): ImageFacts {
  return {
    image: 'app.tar',
    names: ['app:1.0'],
    platform: { os: 'linux', architecture: 'amd64' },
    imageId: digestOf(Buffer.from('image')),
    storeDir: '/nix/store',
    config: { Cmd: ['/bin/app'] },
    history: [],
    layers: layers.map(
      (storePaths, i): LayerFacts => ({
        number: i + 1,
        diffId: digestOf(Buffer.from(`layer ${i}`)),
        source: { kind: 'image', name: `${i}` },
        size: storePaths.reduce((sum, { bytes = 0 }) => sum + bytes, 1024),
        storePaths,
        others: [],
      }),
    ),
    totals: { layers: layers.length, storePaths: layers.flat().length },
    ...others,
  }
}
