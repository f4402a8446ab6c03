// Runs one compiled entry in this very process: node scripts/run.mjs apps/gateway/src/main [args…].
// Installs and builds first when needed. Same process, so signals and the exit code are the program's own.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { ensureBuilt } from './build.mjs'
import { root } from './install.mjs'

const entry = process.argv[2]
if (!entry) {
  console.error('usage: node scripts/run.mjs <entry without extension>')
  process.exit(2)
}
await ensureBuilt()
process.argv.splice(1, 2, join(root, 'dist', `${entry}.js`))
createRequire(import.meta.url)(join(root, 'dist', `${entry}.js`))
