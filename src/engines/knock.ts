import { connect } from 'node:net'
import { aborted, checkAborted } from '../errors.js'
import { noEngine } from './failure.js'

/**
 * Finds out whether somebody listens at a socket.
 * @param shown what the engine is called in messages @param how what would name another socket
 * @throws ImageError ENGINE_FAILED
 */
export async function knock(shown: string, path: string, how: string, signal: AbortSignal): Promise<void> {
  checkAborted(signal)
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ path, signal })
    socket.once('connect', () => {
      socket.destroy()
      resolve()
    })
    socket.once('error', (error) =>
      reject(signal.aborted ? aborted(signal) : noEngine(shown, path, how, error)),
    )
  })
}
