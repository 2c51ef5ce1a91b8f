/** Docker Engine, which pulls what it lacks. */
import { engineTransport } from './engine.js'

export const dockerDaemon = engineTransport('docker-daemon', async (shown, signal) => {
  const { openDocker } = await import('../engines/docker.js')
  return openDocker(shown, signal)
})
