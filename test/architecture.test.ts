import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Folders and files of src, from the top down: a module imports only from its own part and from below. */
const ORDER = [
  'launch',
  'cli',
  'index',
  'commands',
  'explorer',
  'report',
  'dry-run',
  'sbom-image',
  'build-index',
  'copy-image',
  'build-image',
  'open-configured',
  'serve',
  'sum-layer',
  'why-image',
  'plan-image',
  'inspect-image',
  'verify-image',
  'diff-images',
  'in-build',
  'in-run',
  'transports',
  'engines',
  'inspection',
  'verification',
  'comparison',
  'writers',
  'server',
  'sources',
  'options',
  'results',
  'attestations',
  'pool',
  'blob-stores',
  'documents',
  'closure',
  'layers',
  'cache',
  'spec',
  'registry',
  'programs',
  'outputs',
  'files',
  'tar',
  'ring',
  'python',
  'version',
  'model',
  'errors',
]

function modules(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => join(folder, name))
}

/** What a module imports, types and what is loaded later too. */
function imports(module: string): string[] {
  const text = readFileSync(join(root, module), 'utf8')
  const found = [...text.matchAll(/(?:import|export)[^'"`;]*?from '(\.[^']+)'|import\('(\.[^']+)'\)/g)]
  return found.map(([, from, dynamic]) =>
    relative(root, join(root, dirname(module), (from ?? dynamic)!)).replace(/\.js$/, '.ts'),
  )
}

function part(module: string): string {
  return module.split('/')[1]!.replace(/\.ts$/, '')
}

test('every part of src has its place in the order', () => {
  const unknown = modules('src').filter((module) => !ORDER.includes(part(module)))
  assert.deepEqual(unknown, [])
})

test('imports point one way', () => {
  const wrong: string[] = []
  for (const module of modules('src')) {
    for (const path of imports(module)) {
      if (!path.startsWith('src/')) wrong.push(`${module} imports ${path}`)
      else if (ORDER.indexOf(part(path)) < ORDER.indexOf(part(module)))
        wrong.push(`${module} imports ${path}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('workers hold no logic: they import layers and export its tasks', () => {
  for (const module of modules('workers')) {
    for (const path of imports(module)) assert.match(path, /^src\/layers\//)
    assert.ok(readFileSync(join(root, module), 'utf8').split('\n').length < 25, module)
  }
})

test('benchmarks use what tests share, and only their own tests use benchmarks', () => {
  const wrong: string[] = []
  for (const module of [...modules('bench'), ...modules('test')]) {
    const isBench = module.startsWith('bench/') || module.startsWith('test/bench/')
    for (const path of imports(module)) {
      if (module.startsWith('bench/') && path.startsWith('test/') && !path.startsWith('test/support/'))
        wrong.push(`${module} imports ${path}`)
      if (!isBench && path.startsWith('bench/')) wrong.push(`${module} imports ${path}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('index.ts only re-exports', () => {
  const text = readFileSync(join(root, 'src/index.ts'), 'utf8')
  const others = text.replaceAll(/^export (type )?\{[^}]*\} from '\.\/[^']*\.js'\n/gm, '')
  assert.equal(others, '')
})

test('no two modules import each other in a circle', () => {
  const graph = new Map(modules('src').map((module) => [module, imports(module)]))
  const done = new Set<string>()
  const visit = (module: string, trail: string[]): void => {
    assert.ok(!trail.includes(module), [...trail, module].join(' → '))
    if (done.has(module)) return
    for (const next of graph.get(module) ?? []) visit(next, [...trail, module])
    done.add(module)
  }
  for (const module of graph.keys()) visit(module, [])
})
