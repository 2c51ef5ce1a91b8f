/** An image's explorer: one HTML file that needs nothing else, and runs nothing but its own script whatever names say. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ExplorerData } from './data.js'

export interface Page {
  html: string
  /** The content security policy that it states, for those who send it. */
  policy: string
}

export function explorerPage(data: ExplorerData): Page {
  const script = client('explorer.js')
  const style = client('explorer.css')
  const policy = `default-src 'none'; script-src '${hashOf(script)}'; style-src '${hashOf(style)}'; base-uri 'none'; form-action 'none'`
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(data.image)}</title>
<style>${style}</style>
</head>
<body>
<noscript>This page needs JavaScript, which it brings with it.</noscript>
<script type="application/json" id="data">${escapeJson(JSON.stringify(data))}</script>
<script>${script}</script>
</body>
</html>
`
  return { html, policy }
}

/** What bundle.mjs makes of client/, beside this module or the bundle that it is in. */
function client(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8').trimEnd()
}

/** Content Security Policy Level 3, "hash-source". */
function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}

/** JSON that ends no script element and no line of a script, and means the same. */
function escapeJson(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, (it) => `\\u${it.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
