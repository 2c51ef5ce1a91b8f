/** Engines' failures in one clear line. */
import { ImageError, systemCode, systemReason } from '../errors.js'

/** What engines say, and what helps. */
const HINTS: readonly [RegExp, string][] = [
  [/no space left on device|disk quota exceeded/i, 'make room where the engine keeps its images'],
  [
    /permission denied|operation not permitted|EACCES/i,
    'the engine is another user’s: ask as root, or as a member of its group',
  ],
  [/policy\.json/i, 'containers-policy.json(5) says which images may be taken'],
  [/invalid reference format|repository name must be lowercase/i, 'names are in lower case, as in app:1.0'],
]

/**
 * @param what failed, as a sentence's beginning: `docker-daemon: cannot take the image`
 * @param said the engine's own words; their last line counts
 */
export function engineFailed(what: string, said: string, cause?: unknown): ImageError {
  const line = lastLine(said)
  const hint = HINTS.find(([pattern]) => pattern.test(said))?.[1]
  return new ImageError('ENGINE_FAILED', `${what}: ${line}`, { hint, cause })
}

/** No engine answers there. @param place where it was looked for @param how what would name another place */
export function noEngine(what: string, place: string, how: string, cause: unknown): ImageError {
  const code = systemCode(cause)
  const hint =
    code === 'EACCES' || code === 'EPERM'
      ? `it is another user’s: ask as root, or as a member of its group`
      : `start it, or name another with ${how}`
  // TLS has codes that are no words.
  const reason = code?.startsWith('ERR_') && cause instanceof Error ? cause.message : systemReason(cause)
  return new ImageError('ENGINE_FAILED', `${what}: no answer at ${place}: ${reason}`, {
    hint,
    cause,
  })
}

/** What a program said last, without the words that say that it is an error. */
function lastLine(said: string): string {
  const lines = said
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  const text = lines.at(-1) ?? 'it did not say why'
  const [, message] = /\blevel=(?:error|fatal) msg="(.*)"$/.exec(text) ?? []
  return (message ?? text).replace(/^(?:error|fatal|ctr|Error response from daemon): /i, '').slice(0, 500)
}
