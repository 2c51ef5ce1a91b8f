/** Bundles the command into a few files, which load in half the time of its modules. */
import { chmodSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { build } from 'esbuild'

/** log-update makes two of its kind for the process's own streams: asked for, standard output would change its mode. */
const onlyOurs = {
  name: 'only-ours',
  setup({ onLoad }) {
    onLoad({ filter: /log-update\/index\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8')
      const ours = text.replace(/^.*createLogUpdate\(process\..*$|^export default logUpdate;$/gm, '')
      if (/process\.std(?:out|err)/.test(ours)) throw new Error(`${path} has changed: see bundle.mjs`)
      return { contents: ours }
    })
  },
}

await build({
  entryPoints: {
    'src/main/cli': 'src/cli.ts',
    // Piscina starts its own worker, which loads ours: both are found by their places.
    'src/main/worker': 'node_modules/piscina/dist/worker.js',
    'workers/layer': 'workers/layer.ts',
  },
  outdir: 'dist/command',
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  mainFields: ['module', 'main'],
  // Large, optional or late: they are loaded when they are needed.
  external: [
    ...['@napi-rs/nice', 'undici', '@redis/client', '@bokuweb/zstd-wasm', 'bcryptjs', 'zstddec'],
    ...['xz-decompress', 'unbzip2-stream', '@cyclonedx/cyclonedx-library', 'packageurl-js'],
  ],
  plugins: [onlyOurs],
  // A CommonJS file has no import.meta.
  define: { 'import.meta.url': 'moduleUrl' },
  banner: { js: "const moduleUrl=require('node:url').pathToFileURL(__filename).href;" },
  // What is shorter is read sooner.
  minifyWhitespace: true,
  minifySyntax: true,
  sourcemap: true,
  logLevel: 'warning',
})

// The script and the styles of the explorer's page, which are read beside the module that asks for them.
for (const outdir of ['dist/command/src/main', 'dist/src/explorer'])
  await build({
    entryPoints: [
      { in: 'src/explorer/client/main.ts', out: 'explorer' },
      { in: 'src/explorer/client/style.css', out: 'explorer' },
    ],
    outdir,
    bundle: true,
    platform: 'browser',
    target: 'es2022',
    format: 'iife',
    minify: true,
    charset: 'utf8',
    logLevel: 'warning',
  })
writeFileSync('dist/command/package.json', '{"type":"commonjs"}\n')
chmodSync('dist/command/src/main/cli.js', 0o755)
