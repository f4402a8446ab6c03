// `npm run check`: types, imports, lint and the pure specs, at once, within 30 seconds. Prints what failed and nothing else.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ensureInstalled, root } from './install.mjs'

ensureInstalled()
const bin = (...path) => join(root, 'node_modules', ...path)
// TypeScript 7 is native and three times as fast; TypeScript 6 stays for the tools that need its API.
const CHECKS = [
  ['types', bin('typescript-7', 'bin', 'tsc'), '--noEmit', '-p', '.'],
  ['imports', bin('dependency-cruiser', 'bin', 'dependency-cruise.mjs'), '--config', '.dependency-cruiser.cjs', 'libs', 'apps'],
  ['lint', bin('oxlint', 'bin', 'oxlint'), '--quiet', 'apps', 'libs', 'test', 'scripts'],
  ['pure specs', bin('jest', 'bin', 'jest.js'), '--selectProjects', 'pure', '--maxWorkers', '2', '--silent'],
]

/** Far above any honest run: a check that hangs is a check that failed. */
const MOST_MS = 180_000
/** What a check leaves behind may hold its output open; its verdict does not wait for that. */
const LAST_WORDS_MS = 1_000

/** Runs one check in a process of its own; resolves with what it printed. */
async function run([name, script, ...args]) {
  const startedAt = performance.now()
  const child = spawn(process.execPath, [script, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], timeout: MOST_MS, killSignal: 'SIGKILL' })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (output += chunk))
  const closed = once(child, 'close')
  const [code, signal] = await once(child, 'exit')
  await Promise.race([closed, setTimeout(LAST_WORDS_MS)])
  if (signal) output += `\nended by ${signal} after ${MOST_MS / 1_000} s at most`
  return { name, code, output, seconds: ((performance.now() - startedAt) / 1_000).toFixed(1) }
}

const results = await Promise.all(CHECKS.map(run))
for (const { name, code, output, seconds } of results) {
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`)
  if (code !== 0) console.log(output)
}
process.exit(results.every(({ code }) => code === 0) ? 0 : 1)
