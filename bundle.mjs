/** Bundles the command into a few files, which load in half the time of its modules. */
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
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
    'src/main/cli': 'src/launch.ts',
    'src/main/program': 'src/cli.ts',
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
  // A script that is compiled beforehand has no import().
  supported: { 'dynamic-import': false },
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
// The library's threads run it too: a thread that is stopped while it loads ES modules leaves files open, and where it requires
// them, as Piscina does first, Node ends the whole process.
renameSync('dist/command/workers/layer.js', 'dist/command/workers/layer.cjs')
copyFileSync('dist/command/workers/layer.cjs', 'dist/workers/layer.cjs')

/** The program as one function, as Node wraps modules; and what compiling it has given, with what `--help` calls of it. */
const program = 'dist/command/src/main/program.js'
const source = readFileSync(program, 'utf8').replace(/^#!.*\n/, '')
writeFileSync(program, `(function (exports, require, module, __filename, __dirname) {${source}\n})\n`)
const compile = `
  const { readFileSync, writeFileSync } = require('node:fs')
  const { resolve, dirname } = require('node:path')
  const { createRequire } = require('node:module')
  const file = resolve('${program}')
  const script = new (require('node:vm').Script)(readFileSync(file, 'utf8'), { filename: file })
  process.on('exit', () => writeFileSync(file + '.cache', script.createCachedData()))
  process.argv = [process.argv[0], file, '--help']
  const module_ = { exports: {} }
  script.runInThisContext()(module_.exports, createRequire(file), module_, file, dirname(file))`
const { status, stderr } = spawnSync(process.execPath, ['-e', compile], { encoding: 'utf8' })
if (status !== 0) throw new Error(`the program cannot be compiled: ${stderr}`)
