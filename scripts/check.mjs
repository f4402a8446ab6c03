// `npm run check`: types, imports, lint and the pure specs, at once, within 30 seconds. Prints what failed and nothing else.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { ensureInstalled, root } from './install.mjs'

ensureInstalled()
const bin = (...path) => join(root, 'node_modules', ...path)
const CHECKS = [
  ['types', bin('typescript', 'bin', 'tsc'), '--noEmit', '-p', '.'],
  ['imports', bin('dependency-cruiser', 'bin', 'dependency-cruise.mjs'), '--config', '.dependency-cruiser.cjs', 'libs', 'apps'],
  ['lint', bin('oxlint', 'bin', 'oxlint'), '--quiet', 'apps', 'libs', 'test', 'scripts'],
  ['pure specs', bin('jest', 'bin', 'jest.js'), '--selectProjects', 'pure', '--silent'],
]

/** Runs one check in a process of its own; resolves with what it printed. */
function run([name, script, ...args]) {
  const startedAt = performance.now()
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [script, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.on('close', (code) => resolve({ name, code, output, seconds: ((performance.now() - startedAt) / 1000).toFixed(1) }))
  })
}

const results = await Promise.all(CHECKS.map(run))
for (const { name, code, output, seconds } of results) {
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`)
  if (code !== 0) console.log(output)
}
process.exit(results.every(({ code }) => code === 0) ? 0 : 1)
