import Module from 'node:module'
import { join } from 'node:path'

type Resolver = { _resolveFilename(request: string, ...rest: unknown[]): string }

/** Lets Jest's own process (global setup) load libs by their alias; Jest maps module names only inside specs. */
export function resolveAliases(): void {
  const loader = Module as unknown as Resolver
  const resolve = loader._resolveFilename
  loader._resolveFilename = function (request, ...rest) {
    const [, path] = /^@tollgate\/([a-z-]+(?:\/[a-z-]+)?)$/.exec(request) ?? []
    return resolve.call(this, path ? join(__dirname, '../../libs', path, 'index.ts') : request, ...rest)
  }
}
