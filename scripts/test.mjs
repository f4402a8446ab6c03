// What `npm test` runs: installs and builds when needed, then Jest with the arguments given; Jest's exit code is ours.
//   npm test                                the whole pull-request suite (it starts its own Postgres and Redis)
//   npm test -- --selectProjects pure       only what needs no services
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'
import { ensureBuilt } from './build.mjs'
import { ensureInstalled, root } from './install.mjs'

ensureInstalled()
await ensureBuilt()
const jest = spawn(process.execPath, [join(root, 'node_modules/jest/bin/jest.js'), ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
})
// A terminal's Ctrl-C reaches Jest by itself; Jest then stops its servers, so this process only waits for it.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => jest.kill('SIGTERM'))
jest.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 1)))
