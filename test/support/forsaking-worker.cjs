/**
 * The real worker, but that its helpers claim a part and die; the file that `FORSAKEN` names tells that one did. CommonJS as that one is: Node
 * ends the process when a thread is stopped while it requires an ES module. It is not compiled: it stands in the source tree.
 */
const { writeFileSync } = require('node:fs')
const tasks = require('../../dist/workers/layer.cjs')

/** As in `src/ring/layout.ts`. */
const CLAIMED = 2

module.exports = {
  ...tasks,
  help({ production }) {
    if (production !== undefined) Atomics.add(production.ring.control, CLAIMED, 1)
    if (process.env.FORSAKEN !== undefined) writeFileSync(process.env.FORSAKEN, '')
    process.exit(7)
  },
}
