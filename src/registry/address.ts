/** Addresses that a registry names: where they may lead, and how messages show them. */
import { ImageError } from '../errors.js'

/** Characters of a text from outside that a message has. */
const LONGEST_TEXT = 300

/**
 * Where a registry sends us. All such addresses come through here.
 * @param text as the header has it; may be relative
 * @param from who sends us, also a step down from TLS is refused
 * @throws ImageError REGISTRY_FAILED unless it is HTTP, with TLS where it was before, and names no user
 */
export function follow(text: string, from: URL, header: string): URL {
  const refuse = (expected: string, found: string, hint?: string): ImageError =>
    new ImageError('REGISTRY_FAILED', `${shown(from)}: ${header}: expected ${expected}, found ${found}`, {
      hint,
    })
  if (!URL.canParse(text, from.href)) throw refuse('an address', 'another text')
  const to = new URL(text, from)
  if (to.protocol !== 'https:' && to.protocol !== 'http:')
    throw refuse('an address with https: or http:', brief(to.protocol))
  if (to.username !== '' || to.password !== '') throw refuse('an address without a user name', 'one with it')
  if (from.protocol === 'https:' && to.protocol === 'http:')
    throw refuse(
      'an address with TLS',
      shown(to),
      'behind a proxy with TLS a registry must be told so, with X-Forwarded-Proto',
    )
  to.hash = ''
  return to
}

/** A URL without what may be secret in it. */
export function shown(url: URL): string {
  return brief(`${url.protocol}//${url.host}${url.pathname}`)
}

/** A text from outside, short enough for a message. */
export function brief(text: string): string {
  return text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT)}…`
}
