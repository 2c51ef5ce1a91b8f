import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

test('what nothing is left to wait for, and has no end, is a failure', () => {
  const run = new URL('../../src/commands/run.js', import.meta.url)
  const script = `
    import { run } from '${run}'
    process.exit(await run(false, () => new Promise(() => {})))`
  const { status, stderr } = spawnSync('node', ['--input-type=module', '-e', script], { encoding: 'utf8' })
  assert.equal(status, 1)
  assert.match(stderr, /^stream-layered-image: error: expected an end, .*\[INTERNAL\]\n$/)
})
