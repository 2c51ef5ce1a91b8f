/** What has to be taken again when an image changes, by each kind of client. */
import type { Closure } from '../src/closure/closure.js'
import type { Layers } from '../src/closure/layers.js'

/** Bytes. */
export interface Costs {
  /** A registry takes layers that it never had. */
  registry: number
  /** Docker takes also every layer that lies above others than it did. */
  docker: number
  /** podman takes layers that it never had, and finds others by their diff ID wherever they lie. */
  podman: number
}

/** A client that has seen images, and tells what it must take of the next one. */
export class Clients {
  private readonly layers = new Set<string>()
  private readonly chains = new Set<string>()

  /** @param closure has the sizes of all paths */
  take(layers: Layers, closure: Closure): Costs {
    const costs = { registry: 0, docker: 0, podman: 0 }
    let chain = ''
    for (const paths of layers) {
      const size = paths.reduce((sum, path) => sum + closure.get(path)!.size, 0)
      const layer = paths.join(' ')
      chain += `${layer}\n`
      if (!this.layers.has(layer)) {
        costs.registry += size
        costs.podman += size
      }
      if (!this.chains.has(chain)) costs.docker += size
      this.layers.add(layer)
      this.chains.add(chain)
    }
    return costs
  }
}
