/** The storage of podman, buildah and CRI-O. */
import { engineTransport } from './engine.js'

export const containersStorage = engineTransport('containers-storage', async (shown, signal) => {
  const { openContainersStorage } = await import('../engines/containers-storage.js')
  return openContainersStorage(shown, signal)
})
