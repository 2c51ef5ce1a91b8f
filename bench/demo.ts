/**
 * The embedded example: an image with one layer for each of this project's own installed packages, built
 * by the command as a user runs it, then read back. Needs neither Nix nor a network.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, createReadStream, mkdtempSync, openSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { extract } from 'tar-stream'
import { CLI, writeConf } from '../test/support/image.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const work = mkdtempSync(join(tmpdir(), 'stream-layered-image-demo-'))
const image = join(work, 'image.tar')

const started = performance.now()
const fd = openSync(image, 'w')
const { status } = spawnSync(process.execPath, [CLI, packagesConf()], {
  stdio: ['ignore', fd, 'inherit'],
})
closeSync(fd)
if (status !== 0) process.exit(1)
const seconds = (performance.now() - started) / 1000

const { layers, documents } = await readBack()
const [{ Config, RepoTags, Layers }] = JSON.parse(documents.get('manifest.json')!) as [
  { Config: string; RepoTags: string[]; Layers: string[] },
]
const bytes = [...layers.values()].reduce((sum, layer) => sum + layer.size, 0)
const wrong = Layers.filter((name) => `${layers.get(name)?.digest}/layer.tar` !== name)
const lines = [
  '',
  `Image      ${RepoTags[0]}, ID sha256:${Config.replace('.json', '')}`,
  `Archive    ${image}`,
  `Layers     ${Layers.length}, ${(bytes / 1e6).toFixed(1)} MB, built in ${seconds.toFixed(2)} s`,
  `Digests    ${wrong.length === 0 ? 'every layer has the SHA-256 that its name gives' : `WRONG: ${wrong.join(', ')}`}`,
  'Next       docker load < the archive',
  '',
]
process.stderr.write(lines.join('\n'))
process.exit(wrong.length === 0 ? 0 : 1)

/** A configuration of the installed packages, one a layer, and a customisation layer, as dockerTools would write them. */
function packagesConf(): string {
  const modules = join(root, 'node_modules')
  const packages = readdirSync(modules).filter((name) => !name.startsWith('.'))
  return writeConf(work, {
    config: { Cmd: ['/bin/sh'], Env: ['DEMO=1'] },
    store_dir: modules,
    repo_tag: 'demo:latest',
    store_layers: packages.map((name) => [join(modules, name)]),
  })
}

async function readBack(): Promise<{
  layers: Map<string, { digest: string; size: number }>
  documents: Map<string, string>
}> {
  const layers = new Map<string, { digest: string; size: number }>()
  const documents = new Map<string, string>()
  for await (const entry of createReadStream(image).pipe(extract())) {
    const hash = createHash('sha256')
    const chunks: Buffer[] = []
    const { name, size } = entry.header
    for await (const chunk of entry) {
      hash.update(chunk as Buffer)
      if (name.endsWith('.json')) chunks.push(chunk as Buffer)
    }
    if (name.endsWith('.json')) documents.set(name, Buffer.concat(chunks).toString())
    else layers.set(name, { digest: hash.digest('hex'), size: size ?? 0 })
  }
  return { layers, documents }
}
