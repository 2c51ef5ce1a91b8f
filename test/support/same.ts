import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { CLI, type Run, runCli, runOracle, runTo } from './image.js'

/** Our own lines, which the script has not. */
const WARNING = /^stream-layered-image: warning: .*\n/gm

/** Builds with both programs, ours to standard output and to a file, and fails on the first byte or line that differs. */
export function assertSameAsOracle(conf: string, args: readonly string[] = [], env?: NodeJS.ProcessEnv): Run {
  const options = env === undefined ? {} : { env: { ...process.env, ...env } }
  const oracle = runOracle(conf, args, options)
  assert.equal(oracle.status, 0, `the oracle failed: ${oracle.stderr}`)
  const ours = runCli(conf, args, options)
  assert.equal(ours.status, 0, `exit status ${ours.status}: ${ours.stderr}`)
  const { status, stdout } = spawnSync('cmp', [oracle.output, ours.output], { encoding: 'utf8' })
  assert.equal(status, 0, stdout)
  assert.equal(ours.stderr.replaceAll(WARNING, ''), oracle.stderr)
  const file = `${conf}.file.tar`
  const filed = runTo('/dev/null', process.execPath, [CLI, conf, ...args, '-o', file], options)
  if (/^stream-layered-image: warning: the tag /m.test(ours.stderr)) {
    assert.match(filed.stderr, /\[OPTION_INVALID\]/, 'a file gets no tag that clients refuse')
    return ours
  }
  assert.equal(filed.status, 0, `-o: ${filed.stderr}`)
  const compared = spawnSync('cmp', [oracle.output, file], { encoding: 'utf8' })
  assert.equal(compared.status, 0, `-o: ${compared.stdout}`)
  return ours
}
