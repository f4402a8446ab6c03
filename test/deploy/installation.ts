import { cpSync, readFileSync, mkdirSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { tempFolder } from '../support'
import { root } from './compose-file'

/** A folder with the contents of the image: `path` is its /app. */
export interface Installation {
  readonly path: string
  remove(): void
}

/**
 * Lays out what the last stage of the Dockerfile copies: dist, migrations, package.json and production packages. The
 * packages are links, so code of ours that asks for a development or optional package fails as it would in the image.
 */
export function installLikeImage(): Installation {
  execFileSync(process.execPath, [join(root, 'scripts/build.mjs')], { stdio: ['ignore', 'ignore', 'inherit'] })
  const { path, remove } = tempFolder()
  const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8').split(/^FROM /m).at(-1)!
  for (const [, source, target] of dockerfile.matchAll(/^COPY (?:--from=\w+ )?(?:\/app\/)?(\S+) (\S+)$/gm)) {
    // An earlier stage's folder outside /app: a link to a command, no file of ours.
    if (source!.startsWith('/')) continue
    if (source === 'node_modules') linkProductionPackages(path)
    else cpSync(join(root, source!), join(path, target === './' ? source! : target!), { recursive: true })
  }
  return { path, remove }
}

function linkProductionPackages(path: string): void {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, { dev?: boolean; optional?: boolean; devOptional?: boolean }> }
  for (const [place, { dev, optional, devOptional }] of Object.entries(packages)) {
    if (!/^node_modules\/(@[^/]+\/)?[^/]+$/.test(place) || dev || optional || devOptional) continue
    mkdirSync(dirname(join(path, place)), { recursive: true })
    symlinkSync(join(root, place), join(path, place))
  }
}
