/** Credential helpers: programs that are asked for a secret (the protocol of docker-credential-helpers). */
import { ImageError } from '../errors.js'
import { askProgram, type Bounds } from '../programs/ask.js'

/** Bounds for a helper: somebody may have to type a passphrase, and an answer has hundreds of bytes. */
const HELPER_BOUNDS: Bounds = { answer: 60_000, grace: 500, output: 1 << 20 }

/**
 * Asks `docker-credential-NAME get`. When this returns, none of its process group is left that kept its output open,
 * or did not end in time.
 * @throws ImageError CREDENTIALS_INVALID without any of its output, ABORTED
 */
export async function runHelper(
  program: string,
  input: string,
  signal: AbortSignal,
  bounds: Bounds = HELPER_BOUNDS,
): Promise<{ status: number | null; output: string }> {
  const fail = (message: string, cause?: unknown): ImageError =>
    new ImageError('CREDENTIALS_INVALID', `${program}: ${message}`, { cause })
  return askProgram({ program, args: ['get'], input, bounds, fail, signal })
}
