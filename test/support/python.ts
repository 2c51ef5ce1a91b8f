import { spawnSync } from 'node:child_process'

/** The reason to skip what compares with CPython, or false where CPython 3.11 or later is at hand. */
export const skipWithoutPython: string | false = (() => {
  const probe = spawnSync('python3', ['-c', 'import sys; print(sys.version_info >= (3, 11))'], {
    encoding: 'utf8',
  })
  return probe.stdout?.trim() === 'True' ? false : 'needs python3, version 3.11 or later'
})()

/**
 * Evaluates a Python expression of `x` for each input, in one process.
 * @returns the values, as JSON carries them; an exception becomes its type's name in `{ raised }`
 */
export function evaluate(expression: string, inputs: readonly unknown[], prelude = ''): unknown[] {
  const program = `
import json, sys
${prelude}
for line in sys.stdin:
    x = json.loads(line)
    try:
        value = ${expression}
    except Exception as error:
        value = {"raised": type(error).__name__}
    print(json.dumps(value))
`
  const input = inputs.map((value) => `${JSON.stringify(value)}\n`).join('')
  const { status, stdout, stderr } = spawnSync('python3', ['-c', program], {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  })
  if (status !== 0) throw new Error(`python3 failed: ${stderr}`)
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
}
