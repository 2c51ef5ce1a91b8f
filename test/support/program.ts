/** Small programs on the compiled modules, in processes of their own. */
import { fileURLToPath } from 'node:url'
import { type Started, startSpawned } from './spawned.js'

/** Compiled modules, for `import` in a program. */
export const SRC = fileURLToPath(new URL('../../src/', import.meta.url))

/** Runs the text of an ES module; `SRC` in it stands for the folder of compiled modules. */
export function startProgram(text: string, env: NodeJS.ProcessEnv = {}): Started {
  return startSpawned(process.execPath, ['--input-type=module', '-e', text.replaceAll('SRC/', SRC)], env)
}
