import { randomBytes } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:net'
import { basename, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { EmbeddedError, explainFailure } from './embedded-error'
import { spawnLeashed, type Leashed } from './leash'
import { takeOwnership } from './owner-lock'
import { acceptsConnections, chooseFreePort, tryPort } from './port'

/** A running private Redis. It stops when this process ends, even by `kill -9`. */
export interface PrivateRedis {
  /** `redis://…@127.0.0.1:<port>/0`; a real server's address carries its password. Never log it. */
  url: string
  kind: 'valkey-server' | 'redis-server' | 'js-redis-server'
  /** The leash's process group; null for the server inside this process. */
  pid: number | null
  /** Orderly stop; with `appendOnly` everything acknowledged is on disk. Safe to call twice. */
  stop(): Promise<void>
  /** SIGKILL, for tests of a crash; the server inside this process just closes, and forgets everything. */
  kill(): Promise<void>
}

/** `dir` is made when absent and belongs to one process at a time. `appendOnly` has no effect on `js`. */
export interface PrivateRedisOptions {
  dir: string
  /** `auto` (default): a real server when one is on PATH, else `js`. `server` insists on a real one. */
  kind?: 'auto' | 'server' | 'js'
  /** Keep data over a restart: append-only file, synced once a second. Default false. */
  appendOnly?: boolean
  /** 127.0.0.1 port; default: any free one; a real server keeps to the port this `dir` used before. */
  port?: number
  /** Receives the server's log lines; nothing is printed otherwise. */
  log?: (line: string) => void
}

const POLL_MS = 5
const ORPHAN_TIMEOUT_MS = 15_000
/** Loading a large append-only file takes its time; the server answers LOADING meanwhile. */
const READY_TIMEOUT_MS = 60_000

/** Absolute path of `valkey-server`, else of `redis-server`, as the shell finds them on PATH; null without either. */
export function findRedisServer(): string | null {
  try {
    const found = execFileSync('/bin/sh', ['-c', 'command -v valkey-server || command -v redis-server'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
    return found.startsWith('/') ? found : null
  } catch {
    return null
  }
}

/**
 * Starts a private Redis whose memory policy is `noeviction`: an evicted counter would be free quota.
 * Throws EmbeddedError: `port_taken`, `in_use`, `not_writable`, `disk_full`, `start_failed`.
 */
export async function startPrivateRedis(options: PrivateRedisOptions): Promise<PrivateRedis> {
  const dir = resolve(options.dir)
  const command = options.kind === 'js' ? null : findRedisServer()
  if (!command && options.kind === 'server') {
    throw new EmbeddedError(
      'unsupported_platform',
      'There is no valkey-server or redis-server on PATH. Install one, or set REDIS_URL.',
    )
  }
  try {
    mkdirSync(dir, { recursive: true, mode: 0o755 })
    const ownership = await takeOwnership(join(dir, 'redis.owner'), dir)
    try {
      return command
        ? await startServer(command, { ...options, dir }, ownership.release)
        : await startInProcess(options, ownership.release)
    } catch (cause) {
      ownership.release()
      throw cause
    }
  } catch (cause) {
    throw explainFailure(cause, dir, 'starting the private Redis')
  }
}

async function startInProcess(options: PrivateRedisOptions, release: () => void): Promise<PrivateRedis> {
  const port = await choosePort(options.port, null)
  // Loaded on demand: 80 ms that a start with a real server does not spend.
  const { createRedisServer } = await import('js-redis-server')
  const server = await createRedisServer({ port })
  guardConnections((server.server as unknown as { readonly server: Server }).server)
  let closing: Promise<void> | null = null
  const stop = () => (closing ??= server.close().then(release))
  return { url: `redis://127.0.0.1:${server.port}/0`, kind: 'js-redis-server', pid: null, stop, kill: stop }
}

/**
 * This server listens on every interface, has no password, and leaves Nagle's algorithm on, which holds replies back
 * for 40 ms: peers of other machines are cut before they can speak, and ours are answered at once.
 */
function guardConnections(listener: Server): void {
  listener.prependListener('connection', (socket) => {
    if (/^(::ffff:)?127\.|^::1$/.test(socket.remoteAddress ?? '')) socket.setNoDelay(true)
    else socket.destroy()
  })
}

async function choosePort(wanted: number | undefined, before: number | null): Promise<number> {
  if (wanted === undefined) return (before && (await tryPort(before))) || chooseFreePort()
  if ((await tryPort(wanted)) !== null) return wanted
  throw new EmbeddedError(
    'port_taken',
    `Port ${wanted} on 127.0.0.1 is taken, so the private Redis cannot use it. Free it, or choose another port.`,
  )
}

/** The port and password of an earlier server in `dir`, from the configuration written for it; null at a first start. */
function readConfig(path: string): { port: number; password: string } | null {
  try {
    const text = readFileSync(path, 'utf8')
    const port = Number(/^port (\d+)$/m.exec(text)?.[1])
    const password = /^requirepass (\S+)$/m.exec(text)?.[1]
    return port && password ? { port, password } : null
  } catch {
    return null
  }
}

/** The password is in a file (0600) and not an argument: any local user may read a process's arguments. */
function writeConfig(path: string, dir: string, port: number, password: string, appendOnly: boolean): void {
  const lines = [
    'bind 127.0.0.1',
    `port ${port}`,
    `requirepass ${password}`,
    `dir ${JSON.stringify(dir)}`,
    'save ""',
    'daemonize no',
    'maxmemory-policy noeviction',
    `appendonly ${appendOnly ? 'yes' : 'no'}`,
    'appendfsync everysec',
  ]
  writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 })
}

function probe(url: string): Redis {
  const client = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: 2_000,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    disconnectTimeout: 50,
  })
  client.on('error', () => {})
  return client
}

/** Whether our own server answers: a stranger on the port does not know the password, a loading server says LOADING. */
async function answers(url: string): Promise<boolean> {
  // A refused ioredis client holds its process for the whole connect timeout.
  if (!(await acceptsConnections(Number(new URL(url).port)))) return false
  const client = probe(url)
  try {
    await client.connect()
    return (await client.ping()) === 'PONG'
  } catch {
    return false
  } finally {
    client.disconnect()
  }
}

/** Ends what a killed process left in this folder (its leash is doing that already); bounded, then `in_use`. */
async function endOrphan(url: string, port: number, dir: string): Promise<void> {
  const deadline = performance.now() + ORPHAN_TIMEOUT_MS
  while (await answers(url)) {
    const client = probe(url)
    await client
      .connect()
      .then(() => client.call('SHUTDOWN', 'NOSAVE'))
      .catch(() => {})
    client.disconnect()
    if (performance.now() > deadline) {
      throw new EmbeddedError(
        'in_use',
        `A Redis that an earlier run left on port ${port} for ${dir} did not stop. Stop it and start again.`,
      )
    }
    await sleep(POLL_MS)
  }
}

async function untilReady(server: Leashed, url: string, dir: string, port: number): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS
  while (server.isRunning() && performance.now() < deadline) {
    if (await answers(url)) return
    await Promise.race([sleep(POLL_MS), server.exited])
  }
  await server.release()
  const text = server.logTail()
  if (/Address already in use|bind/i.test(text)) {
    throw new EmbeddedError(
      'port_taken',
      `Port ${port} on 127.0.0.1 was taken while the private Redis started. Start again, or choose another port.`,
    )
  }
  throw explainFailure(text, dir, 'starting the private Redis')
}

async function startServer(command: string, options: PrivateRedisOptions, release: () => void): Promise<PrivateRedis> {
  const { dir, appendOnly = false, log } = options
  const path = join(dir, 'redis.conf')
  const before = readConfig(path)
  const password = before?.password ?? randomBytes(24).toString('base64url')
  const address = (port: number) => `redis://:${password}@127.0.0.1:${port}/0`
  if (before) await endOrphan(address(before.port), before.port, dir)
  const port = await choosePort(options.port, before?.port ?? null)
  writeConfig(path, dir, port, password, appendOnly)
  const server = spawnLeashed({
    command,
    args: [path],
    softSignal: 'TERM',
    hardSignal: 'KILL',
    graceSeconds: 10,
    account: null,
    log,
  })
  const url = address(port)
  await untilReady(server, url, dir, port)
  const end = async () => {
    await server.release()
    await endOrphan(url, port, dir)
    release()
  }
  const crash = async () => {
    if (server.isRunning()) process.kill(-server.groupId, 'SIGKILL')
    await server.release()
    release()
  }
  let ending: Promise<void> | null = null
  return {
    url,
    kind: basename(command) === 'valkey-server' ? 'valkey-server' : 'redis-server',
    pid: server.groupId,
    stop: () => (ending ??= end()),
    kill: () => (ending ??= crash()),
  }
}
