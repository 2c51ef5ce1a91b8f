/**
 * The real worker, but that its helpers die; the file that `FORSAKEN` names tells that one did. CommonJS as that one is: Node
 * ends the process when a thread is stopped while it requires an ES module. It is not compiled: it stands in the source tree.
 */
const { writeFileSync } = require('node:fs')
const tasks = require('../../dist/workers/layer.cjs')

module.exports = {
  ...tasks,
  help() {
    if (process.env.FORSAKEN !== undefined) writeFileSync(process.env.FORSAKEN, '')
    process.exit(7)
  },
}
