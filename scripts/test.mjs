// What `npm test` runs: installs and builds when needed, then Jest with the arguments given.
//   npm test                                the whole pull-request suite (it starts its own Postgres and Redis)
//   npm test -- --selectProjects pure       only what needs no services
//   TOLLGATE_TEST_TRIES=1 npm test          a file that fails gets no second try
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { constants } from 'node:os'
import { join, relative } from 'node:path'
import { ensureBuilt } from './build.mjs'
import { ensureInstalled, root } from './install.mjs'

/** More files than these have not failed by the machine's mood. */
const MOST_RETRIED = 6
const results = join(root, '.cache', 'test-results.json')

ensureInstalled()
await ensureBuilt()
mkdirSync(join(root, '.cache'), { recursive: true })
let running
// A terminal's Ctrl-C reaches Jest by itself; Jest then stops its servers, so this process only waits for it.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => running?.kill('SIGTERM'))

/** Runs Jest; resolves with its exit code and the files that failed (none when it was stopped). */
async function jest(...args) {
  rmSync(results, { force: true })
  running = spawn(process.execPath, [join(root, 'node_modules/jest/bin/jest.js'), '--json', `--outputFile=${results}`, ...args], { cwd: root, stdio: ['inherit', 'ignore', 'inherit'] })
  const [code, signal] = await once(running, 'exit')
  const files = existsSync(results) ? JSON.parse(readFileSync(results, 'utf8')).testResults.filter(({ status }) => status === 'failed').map(({ name }) => name) : []
  return { code: code ?? 128 + (constants.signals[signal] ?? 1), files: signal ? [] : files }
}

const { code: firstCode, files } = await jest(...process.argv.slice(2))
let code = firstCode
// Real processes on a busy machine: a deadline may pass by chance. Such a file runs again, alone, and is named for what it is.
if (code === 1 && files.length > 0 && files.length <= MOST_RETRIED && process.env.TOLLGATE_TEST_TRIES !== '1') {
  console.error(`\nSecond try, alone: ${files.map((file) => relative(root, file)).join(', ')}`)
  const again = await jest('--runTestsByPath', ...files)
  code = again.code
  for (const file of files) if (!again.files.includes(file)) console.error(`FLAKY ${relative(root, file)}: failed above, passed at the second try`)
}
process.exit(code)
