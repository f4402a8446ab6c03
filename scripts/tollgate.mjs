#!/usr/bin/env node
// The command line `tollgate`: runs dist/apps/cli, after building it where a checkout has changed or was never built.
import { existsSync, readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stamp = join(root, 'dist', '.built')
const sources = join(root, 'apps/cli/src')

/** Looking at the command line's own files alone is most of what a start may take. */
function isFresh(folder, builtAt) {
  return readdirSync(folder, { withFileTypes: true }).every((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? isFresh(path, builtAt) : statSync(path).mtimeMs <= builtAt
  })
}

if (existsSync(sources) && !(existsSync(stamp) && isFresh(sources, statSync(stamp).mtimeMs))) await (await import('./build.mjs')).ensureBuilt()
const { main } = createRequire(import.meta.url)(join(root, 'dist/apps/cli/src/main.js'))

// Whoever reads the output may stop early (`tollgate … | head`).
process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 1))
const { env, stdin, stdout, stderr } = process
const onInterrupt = (listener) => {
  process.on('SIGINT', listener)
  return () => process.off('SIGINT', listener)
}
process.exitCode = await main({ argv: process.argv.slice(2), env, cwd: process.cwd(), stdin, stdout, stderr, onInterrupt })
stdin.unref?.()
