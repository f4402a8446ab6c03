import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Client } from 'pg'
import { startPrivateRedis, type PrivateRedis } from '../../libs/platform/embedded'
import { createDatabase, eventually, freePort, tempFolder } from '../support'
import { compose, environmentOf, SAMPLE_VALUES } from './compose-file'
import { installLikeImage } from './installation'

const READY_TIMEOUT_MS = 30_000

/** A container's process without the container. */
export interface ServiceProcess {
  /** Everything it printed so far. */
  output(): string
  /** Exit code, null when a signal ended it. */
  readonly exited: Promise<number | null>
  signal(name: NodeJS.Signals): void
  /** Where it answers; empty for one without a port. */
  readonly url: string
}

/** The services of docker-compose.yml as processes on this machine: their commands and environments, other addresses. */
export interface Cluster {
  readonly ownerUrl: string
  /** Laid out as the image's /app. */
  readonly path: string
  readonly redis: PrivateRedis
  /** Starts a service's command. @param changes to its environment; undefined takes a name away */
  run(service: string, changes?: Record<string, string | undefined>): Promise<ServiceProcess>
  /** Starts it and resolves when it is ready: `/readyz` answers 200, or it says that it runs. */
  start(service: string, changes?: Record<string, string | undefined>): Promise<ServiceProcess>
  stop(): Promise<void>
}

/** Prepares an image-like folder, an empty database and a Redis with an append-only file; starts no process of ours. */
export async function prepareCluster(extra: Record<string, string>): Promise<Cluster> {
  const installation = installLikeImage()
  const folder = tempFolder()
  const redis = await startPrivateRedis({ dir: join(folder.path, 'redis'), appendOnly: true })
  const database = await createEmptyDatabase()
  const running = new Set<ChildProcess>()
  const values = { ...SAMPLE_VALUES, ...extra, TOLLGATE_DB_PASSWORD: database.rolePassword }

  const run: Cluster['run'] = async (service, changes = {}) => {
    const [program, ...parameters] = compose.services[service]!.command!
    const asked = environmentOf(service, values)
    const port = asked.PORT ? String(await freePort()) : ''
    const given = { NODE_ENV: 'production', ...asked, ...localAddresses(asked, database.ownerUrl, redis.url), HOST: '127.0.0.1', PORT: port, TOLLGATE_ALLOW_LOOPBACK_HOSTS: 'true', ...changes }
    const env = Object.fromEntries(Object.entries({ PATH: process.env['PATH'], ...given }).filter(([, value]) => value !== undefined))
    const child = spawn(program === 'node' ? process.execPath : program!, parameters, { cwd: installation.path, env, stdio: ['ignore', 'pipe', 'pipe'] })
    running.add(child)
    void once(child, 'close').then(() => running.delete(child))
    return observed(child, port ? `http://127.0.0.1:${port}` : '')
  }
  return {
    ownerUrl: database.ownerUrl,
    path: installation.path,
    redis,
    run,
    start: async (service, changes) => untilReady(service, await run(service, changes)),
    stop: async () => {
      await Promise.all([...running].map(async (child) => (child.kill('SIGKILL'), once(child, 'close'))))
      await Promise.all([redis.stop(), database.drop()])
      installation.remove()
      folder.remove()
    },
  }
}

/** The same log-ins at the addresses of this run. */
function localAddresses(asked: Record<string, string>, ownerUrl: string, redisUrl: string): Record<string, string> {
  if (new URL(asked.DATABASE_URL!).username) return { DATABASE_URL: ownerUrl }
  const url = new URL(ownerUrl)
  url.username = url.password = ''
  return { DATABASE_URL: url.href, REDIS_URL: redisUrl }
}

function observed(child: ChildProcess, url: string): ServiceProcess {
  let output = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const exited = once(child, 'close').then(([code]) => code as number | null)
  return { output: () => output, exited, signal: (name) => void child.kill(name), url }
}

async function untilReady(service: string, started: ServiceProcess): Promise<ServiceProcess> {
  const ended = started.exited.then((code) => Promise.reject(new Error(`${service} ended with ${code}`)))
  ended.catch(() => {})
  let hasEnded = false
  void started.exited.then(() => (hasEnded = true))
  const isReady = async () => {
    if (hasEnded) return
    if (started.url ? (await fetch(`${started.url}/readyz`)).status === 200 : / runs\.$/m.test(started.output())) return
    throw new Error('is not ready')
  }
  try {
    await Promise.race([eventually(isReady, { timeoutMs: READY_TIMEOUT_MS }), ended])
  } catch (error) {
    throw new Error(`${service}: ${(error as Error).message}\n${started.output()}`, { cause: error })
  }
  return started
}

/** A database without anything in it, on the run's server, whose role password is everybody's and must stay. */
async function createEmptyDatabase(): Promise<{ ownerUrl: string; rolePassword: string; drop(): Promise<void> }> {
  const neighbour = await createDatabase()
  const name = `deploy_${randomBytes(6).toString('hex')}`
  const ownerUrl = new URL(neighbour.ownerUrl)
  ownerUrl.pathname = `/${name}`
  await query(neighbour.ownerUrl, `CREATE DATABASE ${name} TEMPLATE template0`)
  return {
    ownerUrl: ownerUrl.href,
    rolePassword: new URL(neighbour.appUrl).password,
    drop: async () => {
      await query(neighbour.ownerUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
      await neighbour.drop()
    },
  }
}

/** Runs one statement as the superuser. */
export async function query<Row>(url: string, sql: string, parameters: unknown[] = []): Promise<Row[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql, parameters)).rows as Row[]
  } finally {
    await client.end()
  }
}
