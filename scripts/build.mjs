// Compiles apps, libs and test support from TypeScript to dist/ with SWC (CommonJS, one file to one file).
// Skipped when nothing is newer than the last build, so a second start costs a directory walk only.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { ensureInstalled, root } from './install.mjs'

const SOURCES = ['apps', 'libs', 'test']
const dist = join(root, 'dist')
const stamp = join(dist, '.built')

function* walk(dir) {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name)
    if (entry.isDirectory() && entry.name !== 'node_modules') yield* walk(path)
    else if (entry.isFile()) yield path
  }
}

/** `@tollgate/name` → a path relative to the compiled file, so dist runs on plain Node without a resolver. */
function rewriteAliases(code, fromFile) {
  return code.replace(/require\("@tollgate\/([a-z-]+)(?:\/([a-z-]+))?"\)/g, (_, lib, part) => {
    const target = join('libs', lib, part ?? '', 'index.js')
    const path = relative(dirname(fromFile), target).split(sep).join('/')
    return `require("${path.startsWith('.') ? path : `./${path}`}")`
  })
}

export async function ensureBuilt() {
  ensureInstalled()
  const files = SOURCES.filter((dir) => existsSync(join(root, dir))).flatMap((dir) => [...walk(join(root, dir))])
  const fingerprint = [join(root, '.swcrc'), join(root, 'scripts', 'build.mjs'), ...files]
    .map((file) => `${relative(root, file)}:${statSync(file).mtimeMs}`)
    .join('\n')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint) return
  const { default: swc } = await import('@swc/core')
  const staging = join(root, `.cache/build-${process.pid}`)
  await Promise.all(
    files.map(async (file) => {
      const name = relative(root, file)
      const out = join(staging, name.replace(/\.ts$/, '.js'))
      mkdirSync(dirname(out), { recursive: true })
      if (/\.d\.ts$|\.spec\.ts$/.test(name)) return
      if (!name.endsWith('.ts')) {
        if (/\.(lua|json|jsonl|sql|yaml|html|css)$/.test(name)) writeFileSync(out, readFileSync(file))
        return
      }
      const { code, map } = await swc.transformFile(file, { cwd: root, swcrc: true })
      const js = rewriteAliases(code, name)
      writeFileSync(out, `${js}\n//# sourceMappingURL=${out.split(sep).pop()}.map\n`)
      writeFileSync(`${out}.map`, map)
    }),
  )
  writeFileSync(join(staging, '.built'), fingerprint)
  replaceDist(staging)
}

/** Swaps the finished build in by rename: of two builds at once the last one wins and neither is seen half-written. */
function replaceDist(staging) {
  const old = join(root, `.cache/old-${process.pid}`)
  if (existsSync(dist)) renameSync(dist, old)
  try {
    renameSync(staging, dist)
  } catch (error) {
    if (!existsSync(stamp)) throw error
    rmSync(staging, { recursive: true, force: true })
  }
  rmSync(old, { recursive: true, force: true })
}

if (import.meta.url === `file://${process.argv[1]}`) await ensureBuilt()
