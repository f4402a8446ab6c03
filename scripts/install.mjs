// Installs what package-lock.json names when node_modules does not hold it yet. Every npm script calls this first,
// so a fresh clone needs no separate `npm ci`. Needs nothing but Node and npm.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Exits with one clear line when this Node cannot run the product (package.json "engines"). */
function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  console.error(`Tollgate needs Node 20.19 or newer; this is ${process.version}. Install a newer Node and run the command again.`)
  process.exit(1)
}

/** Runs `npm ci` once per lockfile: a stamp inside node_modules holds the hash of the lockfile it was made from. */
export function ensureInstalled() {
  requireNode()
  const hash = createHash('sha256').update(readFileSync(join(root, 'package-lock.json'))).digest('hex')
  const stamp = join(root, 'node_modules', '.tollgate-lock')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return
  // A linked folder is another checkout's: `npm ci` here would empty it there.
  if (lstatSync(join(root, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink()) return
  console.error('Installing dependencies (npm ci), once per lockfile …')
  try {
    execFileSync('npm', ['ci', '--ignore-scripts', '--loglevel=error'], { cwd: root, stdio: ['ignore', 2, 2] })
  } catch {
    console.error('npm ci failed. Check the network and the registry, then run the command again.')
    process.exit(1)
  }
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, hash)
}
