import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { z } from 'zod'
import { holdEmbedded } from './hold-embedded'
import { findRedisServer, startEmbeddedPostgres, startPrivateRedis } from '../../libs/platform/embedded/index'

/** The migrated database every test database is cloned from. */
export const TEMPLATE = 'tollgate_template'
const VARIABLE = 'TOLLGATE_TEST_SERVICES'
const PREFIX = 'tollgate-test-'

const Addresses = z.object({
  /** Superuser, database `postgres`. */
  postgresUrl: z.string(),
  /** Password of the log-ins tg_app, tg_admin and tg_worker. */
  rolePassword: z.string(),
  /** Why there is no template to clone; null when the migrations went through. */
  migrationError: z.string().nullable(),
  redis: z.array(z.object({ kind: z.enum(['valkey-server', 'redis-server', 'js-redis-server']), url: z.string() })),
})

/** Where this run's private servers listen; handed from Jest's global setup to its workers in one variable. */
export type ServiceAddresses = z.infer<typeof Addresses>

/** The addresses of this run's servers. Throws outside the `integration` project, which alone starts them. */
export function serviceAddresses(): ServiceAddresses {
  const text = process.env[VARIABLE]
  if (!text)
    throw new Error(
      'No test services: this spec belongs to the pure project. Name it *.store.spec.ts or *.e2e.spec.ts.',
    )
  return Addresses.parse(JSON.parse(text))
}

/** Removes what a killed run left in the temp folder; its servers went with it. */
export function sweepDeadRuns(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1])
    if (!pid) continue
    try {
      process.kill(pid, 0)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') continue
      rmSync(join(tmpdir(), name), { recursive: true, force: true })
    }
  }
}

async function makeTemplate(postgresUrl: string, rolePassword: string): Promise<void> {
  // Loaded late: most of its weight is the ORM, and only this process migrates.
  const { migrate } = await import('../../libs/platform/postgres/index')
  const admin = new Client({ connectionString: postgresUrl })
  await admin.connect()
  try {
    await admin.query(`CREATE DATABASE ${TEMPLATE}`)
    await migrate({ url: databaseUrl(postgresUrl, TEMPLATE), rolePassword })
    // A forgotten connection to the template would make every clone fail.
    await admin.query(`ALTER DATABASE ${TEMPLATE} WITH ALLOW_CONNECTIONS false`)
  } finally {
    await admin.end()
  }
}

/** The same server and log-in as `url`, but another database. */
export function databaseUrl(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${database}`
  return changed.href
}

/** Starts one Postgres and one Redis of each available kind, migrates the template; returns how to stop it all. */
export async function startServices(): Promise<() => Promise<void>> {
  const startedAt = performance.now()
  sweepDeadRuns()
  const dir = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`))
  // Postgres runs as another user when we are root and must pass through.
  chmodSync(dir, 0o755)
  const postgres = await startEmbeddedPostgres({ dataDir: join(dir, 'postgres'), durability: 'fast' })
  // In a process of its own: Jest's loader cannot run the WebAssembly that its Lua is made of.
  const js = await holdEmbedded('-', join(dir, 'redis-js'), 'js')
  const server = findRedisServer() ? await startPrivateRedis({ dir: join(dir, 'redis'), kind: 'server' }) : null
  const redis: ServiceAddresses['redis'] = [{ kind: 'js-redis-server', url: js.redisUrl! }, ...(server ? [{ kind: server.kind, url: server.url }] : [])]
  const stop = async () => {
    await Promise.all([postgres.stop(), js.kill(), server?.stop()])
    for (const path of [dir, postgres.dataDir]) rmSync(path, { recursive: true, force: true })
  }
  const rolePassword = randomBytes(12).toString('hex')
  // A broken migration must fail the specs that need a database, with its reason, and not hide all the others.
  const migrationError = await makeTemplate(postgres.url, rolePassword).then(
    () => null,
    (error: Error) => `The migrations failed: ${error.message}`,
  )
  if (migrationError) process.stderr.write(`${migrationError}. Every spec that needs a database will fail.\n`)
  const addresses: ServiceAddresses = {
    postgresUrl: postgres.url,
    rolePassword,
    migrationError,
    redis,
  }
  process.env[VARIABLE] = JSON.stringify(addresses)
  const real = server?.kind
  const redisLine = real
    ? `js-redis-server and ${real}`
    : 'js-redis-server only: no valkey-server or redis-server on PATH, store specs skip it'
  process.stderr.write(
    `Test services: private Postgres, Redis by ${redisLine} (${Math.round(performance.now() - startedAt)} ms)\n`,
  )
  return stop
}
