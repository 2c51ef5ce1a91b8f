/** Answers of a registry: documents, lists by pages, and errors (OCI distribution specification 1.1, "API"). */
import type { IncomingMessage, ServerResponse } from 'node:http'

/** A code of the specification, with its HTTP status. */
export interface Refusal {
  status: number
  code: string
  message: string
}

/** A request, with its path and query taken apart. */
export interface Asked {
  request: IncomingMessage
  response: ServerResponse
  path: string
  query: URLSearchParams
}

/** As the specification writes errors ("Error Codes"). */
export function refuse(response: ServerResponse, { status, code, message }: Refusal): void {
  const bytes = Buffer.from(JSON.stringify({ errors: [{ code, message, detail: null }] }))
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length })
    .end(bytes)
}

/** The client may come again in a second. */
export function tooMany(response: ServerResponse, message: string): void {
  response.setHeader('retry-after', '1')
  refuse(response, { status: 429, code: 'TOOMANYREQUESTS', message })
}

export function send({ request, response }: Asked, type: string, content: string | Buffer): void {
  const bytes = Buffer.from(content)
  response.writeHead(200, { 'content-type': type, 'content-length': bytes.length })
  response.end(request.method === 'HEAD' ? undefined : bytes)
}

/** A list, or the part of it that `n` and `last` ask for, with a link to the next one. */
export function sendList(
  asked: Asked,
  names: readonly string[],
  document: (part: readonly string[]) => object,
): void {
  const { response, path, query } = asked
  const wanted = query.get('n')
  if (wanted !== null && !/^\d{1,9}$/.test(wanted)) {
    refuse(response, { status: 400, code: 'PAGINATION_NUMBER_INVALID', message: 'n is no number' })
    return
  }
  const last = query.get('last') ?? ''
  const rest = names.filter((name) => name > last)
  const part = wanted === null ? rest : rest.slice(0, Number(wanted))
  if (part.length > 0 && part.length < rest.length) {
    const next = new URLSearchParams({ n: wanted!, last: part.at(-1)! })
    response.setHeader('link', `<${path}?${next}>; rel="next"`)
  }
  send(asked, 'application/json', JSON.stringify(document(part)))
}

/** Whether the client takes that media type (RFC 9110, 12.5.1); without a header it takes any. */
export function accepts({ headers: { accept } }: IncomingMessage, mediaType: string): boolean {
  if (accept === undefined) return true
  const ranges = accept.split(',').map((range) => range.replace(/;.*$/s, '').trim().toLowerCase())
  return ranges.some((range) => range === '*/*' || range === 'application/*' || range === mediaType)
}

/** @returns undefined for a request target that is none */
export function takeApart(target: string): { path: string; query: URLSearchParams } | undefined {
  const [, path = '', query = ''] = /^(?:https?:\/\/[^/?]*)?([^?#]*)(?:\?([^#]*))?/i.exec(target) ?? []
  try {
    return { path: decodeURIComponent(path), query: new URLSearchParams(query) }
  } catch {
    return undefined
  }
}
