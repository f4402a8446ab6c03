import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The version that is measured: results of another one would be another comparison. */
export const PORTKEY_VERSION = '1.15.2'
const PACKAGE = '@portkey-ai/gateway'
const INSTALL_MS = 120_000
/** Its range admits versions of its HTTP server under which every stream of this release ends with status 500. */
const MANIFEST = { private: true, dependencies: { [PACKAGE]: PORTKEY_VERSION }, overrides: { '@hono/node-server': '1.13.8' } }

/** Where its start script is, or why it cannot be had. */
export type PortkeyInstall = { readonly script: string; readonly folder: string } | { readonly problem: string }

/** Installs Portkey's gateway beside the bench, once, without running its install scripts. Never part of our own packages. */
export async function installPortkey(cacheFolder: string): Promise<PortkeyInstall> {
  const folder = join(cacheFolder, 'bench-peers')
  const home = join(folder, 'node_modules', PACKAGE)
  const script = join(home, 'build', 'start-server.js')
  if (isInstalled(home, script)) return { script, folder }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify(MANIFEST))
  const npm = spawn('npm', ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: INSTALL_MS,
  })
  let printed = ''
  npm.stderr.setEncoding('utf8').on('data', (text: string) => (printed += text))
  const [code] = (await once(npm, 'close').catch(() => [1])) as [number | null]
  if (code === 0 && isInstalled(home, script)) return { script, folder }
  const reason = printed.split('\n').find((line) => /error/i.test(line)) ?? 'the registry did not answer in time'
  return { problem: `npm could not install ${PACKAGE}@${PORTKEY_VERSION} (${reason.trim().slice(0, 200)})` }
}

/** Headers that make Portkey's gateway call the bench's upstream as it would call OpenAI. */
export function portkeyHeaders(upstreamUrl: string): Record<string, string> {
  return { 'x-portkey-provider': 'openai', 'x-portkey-custom-host': upstreamUrl }
}

function isInstalled(home: string, script: string): boolean {
  if (!existsSync(script)) return false
  const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version?: string }
  return version === PORTKEY_VERSION
}
