/** The page at `/`: the images, each with the commands that take it and a link to what shows it. */
import type { Catalog } from './catalog.js'

/** @param address `HOST:PORT` that the reader asked @param isSecure whether by TLS @returns HTML */
export function page(catalog: Catalog, address: string, isSecure: boolean): string {
  const plain = isSecure ? '' : ' --tls-verify=false'
  const ctr = isSecure ? '' : ' --plain-http'
  const rows = catalog
    .entries()
    .map(({ repository, tag, source }) => {
      const name = escapeHtml(`${address}/${repository}:${tag}`)
      const path = escapeHtml(`${repository}:${tag}`)
      return `<h2>${path}</h2>
<pre>docker pull ${name}
podman pull${plain} ${name}
ctr images pull${ctr} ${name}
skopeo inspect${plain} docker://${name}</pre>
<p>${escapeHtml(source)} · <a href="/explore/${path}">explore ${path}</a></p>`
    })
    .join('\n')
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Images</title>
<style>
  :root { color-scheme: light dark }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }
  pre { padding: 0.5rem; border: 1px solid; overflow-x: auto }
</style>
<h1>Images</h1>
${rows}
</html>
`
}

function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  }
  return text.replace(/[&<>"']/g, (character) => entities[character]!)
}
