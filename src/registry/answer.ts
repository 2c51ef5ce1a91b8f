/** What a registry answers: a status, headers, and a body that is short, or comes in pieces. */
import { brief } from './address.js'

export interface Headers {
  status: number
  header(name: string): string | undefined
}

export interface Answer extends Headers {
  /** Who answers. */
  host: string
  /** No more than was asked for; what is longer is left out whole. */
  body: Buffer | undefined
  /** The status, with the registry's own words where it has some, safe to show: bounded, and without secrets. */
  text: string
}

/**
 * The registry's own words (distribution spec, "Error Codes").
 * @param secrets what was sent and may come back
 */
export function statusText(status: number, body: Buffer | undefined, secrets: readonly string[]): string {
  let words = ''
  try {
    const { errors } = JSON.parse(body?.toString() ?? '') as {
      errors?: { code?: unknown; message?: unknown }[]
    }
    words = (errors ?? []).map(({ code, message }) => `${String(code)}: ${String(message)}`).join('; ')
  } catch {
    // It is no JSON; the status must do.
  }
  return words === '' ? `status ${status}` : `status ${status} (${brief(withoutSecrets(words, secrets))})`
}

/** The text without the secrets, as they were sent or as they are written in a URL. */
function withoutSecrets(text: string, secrets: readonly string[]): string {
  const spellings = secrets
    .flatMap((secret) => [secret, encodeURIComponent(secret)])
    .filter((it) => it !== '')
  // The longest first: a part of it may be a secret too.
  spellings.sort((a, b) => b.length - a.length)
  const hidden = spellings.reduce((words, secret) => words.replaceAll(secret, '***'), text)
  return hidden.replace(/\b(basic|bearer)\s+[^\s"',;]{8,}/gi, '$1 ***')
}
