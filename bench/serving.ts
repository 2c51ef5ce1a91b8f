/** `serve`, watched while clients take whole images from it. */

import { type Measurement, ours, startMeasured } from '../test/support/measure.js'
import { answers, freePort } from './local-registry.js'
import { readServed } from './read-back.js'

/**
 * @param repositories of which each client takes `latest`, beginning each at another one
 * @returns seconds are those of the clients, all else is the server's
 */
export async function takeServed(
  confs: readonly string[],
  repositories: readonly string[],
  clients: number,
): Promise<Measurement> {
  const host = `127.0.0.1:${await freePort()}`
  const { ended, stop } = startMeasured(ours('serve', ...confs, '--listen', host))
  await answers(host)
  const start = performance.now()
  const client = async (_: unknown, k: number): Promise<void> => {
    for (const i of repositories.keys()) {
      const name = repositories[(i + Math.floor((k * repositories.length) / clients)) % repositories.length]
      const { wrong } = await readServed(`http://${host}/v2/${name}/manifests/latest`)
      if (wrong.length > 0) throw new Error(`${name}: other bytes came: ${wrong.join(', ')}`)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  const seconds = (performance.now() - start) / 1000
  stop()
  return { ...(await ended), seconds }
}
