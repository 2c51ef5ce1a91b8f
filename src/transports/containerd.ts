/** containerd, and so kind and k3s. */
import { engineTransport } from './engine.js'

export const containerd = engineTransport('containerd', async (shown, signal) => {
  const { openContainerd } = await import('../engines/containerd.js')
  return openContainerd(shown, signal)
})
