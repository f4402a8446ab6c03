import { readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import type { Account } from './account'
import { EmbeddedError, explainFailure } from './embedded-error'
import { spawnLeashed, type Leashed } from './leash'
import type { NativePostgres } from './native-folder'

const POLL_MS = 15
const ORPHAN_TIMEOUT_MS = 15_000
/** Crash recovery after a long run can replay a lot of log; a start that takes longer than this is reported. */
const READY_TIMEOUT_MS = 120_000

/** The superuser's address of the server on `port`. */
export function superuserUrl(port: number, password: string): string {
  return `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`
}

/** Whether a server answers at `url` and really serves `dataDir`; a port can have gone to somebody else. */
export async function serves(url: string, dataDir: string): Promise<boolean> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: 2_000,
    application_name: 'tollgate-probe',
  })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory')
    return realpathSync(rows[0]?.data_directory ?? '/') === realpathSync(dataDir)
  } catch {
    return false
  } finally {
    await client.end().catch(() => {})
  }
}

/** The postmaster's pid as its lock file tells it, or null without such a file. */
function lockedPid(dataDir: string): number | null {
  try {
    return Number(readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n')[0])
  } catch {
    return null
  }
}

/** Whether `pid` is a living (not zombie) postgres of this folder. A bare kill(pid, 0) says yes to zombies and strangers. */
function isPostmaster(pid: number, dataDir: string): boolean {
  if (!Number.isInteger(pid) || pid <= 1) return false
  try {
    if (process.platform !== 'linux') {
      return /^[^Z]\S*\s+.*postgres/.test(
        execFileSync('ps', ['-o', 'stat=,comm=', '-p', String(pid)], { encoding: 'utf8' }).trim(),
      )
    }
    const [, name, state] = /^\d+ \((.*)\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
    if (name !== 'postgres' || state === 'Z' || state === 'X') return false
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(dataDir)
  } catch {
    return false
  }
}

/**
 * Ends a server that an earlier, killed process left on `dataDir` (its leash is already stopping it; asking again does
 * no harm) and removes a stale lock file. Only the owner of the folder may call this. Bounded by 15 s, then `in_use`.
 */
export async function endOrphan(dataDir: string, url: string): Promise<void> {
  const deadline = performance.now() + ORPHAN_TIMEOUT_MS
  let asked: number | null = null
  for (;;) {
    const pid = lockedPid(dataDir)
    if (pid === null) return
    if (!isPostmaster(pid, dataDir)) {
      if (!(await serves(url, dataDir))) return rmSync(join(dataDir, 'postmaster.pid'), { force: true })
    } else if (asked !== pid) {
      signal(pid, dataDir)
      asked = pid
    }
    if (performance.now() > deadline) {
      throw new EmbeddedError(
        'in_use',
        `A Postgres that an earlier run left on ${dataDir} (process ${pid}) did not stop. Stop it and start again.`,
      )
    }
    await sleep(POLL_MS)
  }
}

function signal(pid: number, dataDir: string): void {
  try {
    process.kill(pid, 'SIGINT')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return
    throw new EmbeddedError(
      'in_use',
      `${dataDir} is served by process ${pid}, which belongs to another user. Stop it and start again.`,
    )
  }
}

/** What a launch came to; `port_taken` and `settling` are worth another try. */
export type Launch = { is: 'ready'; server: Leashed } | { is: 'port_taken' } | { is: 'settling' }

/** Settings for tests: a crash may lose the data, which is made anew by every run. */
const FAST = ['-c', 'fsync=off', '-c', 'synchronous_commit=off', '-c', 'full_page_writes=off']

/** What to launch: `url` must name `port`. */
export interface LaunchOptions {
  native: NativePostgres
  dataDir: string
  port: number
  url: string
  account: Account | null
  isSafe: boolean
  log?: ((line: string) => void) | undefined
}

/** Starts the server and waits until it answers as the server of this folder. Throws an EmbeddedError otherwise. */
export async function launch({ native, dataDir, port, url, account, isSafe, log }: LaunchOptions): Promise<Launch> {
  const settings = ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'max_connections=200']
  const server = spawnLeashed({
    command: join(native.folder, 'bin', 'postgres'),
    args: ['-D', dataDir, '-p', String(port), ...settings, ...(isSafe ? [] : FAST)],
    softSignal: 'INT',
    hardSignal: 'QUIT',
    graceSeconds: 30,
    account,
    log,
  })
  const deadline = performance.now() + READY_TIMEOUT_MS
  while (server.isRunning()) {
    if (await serves(url, dataDir)) return { is: 'ready', server }
    if (performance.now() > deadline) {
      await server.release()
      break
    }
    await Promise.race([sleep(POLL_MS), server.exited])
  }
  return judge(server.logTail(), dataDir)
}

function judge(text: string, dataDir: string): Launch {
  if (/Address already in use|could not create any TCP\/IP sockets/.test(text)) return { is: 'port_taken' }
  if (/shared memory block .* is still in use/.test(text)) return { is: 'settling' }
  if (/lock file "postmaster.pid" already exists/.test(text)) {
    throw new EmbeddedError(
      'in_use',
      `${dataDir} is in use by another running Postgres. Stop it first, or choose another folder with TOLLGATE_DATA_DIR.`,
    )
  }
  if (/error while loading shared libraries|not found/.test(text) && !/FATAL/.test(text)) {
    throw new EmbeddedError(
      'unsupported_platform',
      `The embedded Postgres does not run on this machine (${text.trim()}). Set DATABASE_URL instead.`,
    )
  }
  throw explainFailure(text, dataDir, 'starting Postgres')
}
