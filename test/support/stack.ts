import { createHash, randomBytes } from 'node:crypto'
import { NestFactory } from '@nestjs/core'
import type { INestApplicationContext } from '@nestjs/common'
import type { NestFastifyApplication } from '@nestjs/platform-fastify'
import { Redis } from 'ioredis'
import { Client } from 'pg'
import { GatewayModule } from '../../apps/gateway/src/gateway.module'
import { startSandbox, type Sandbox, type SandboxHostOptions } from '../../apps/sandbox/src'
import { WorkerModule } from '../../apps/worker/src/worker.module'
import { uuidv7 } from '../../libs/kernel'
import { parseEnvironment, requireCluster, type ClusterConfig } from '../../libs/platform/config'
import { createHttpApp } from '../../libs/platform/http'
import { processLogger } from '../../libs/platform/logging'
import { hashApiKey, mintApiKey } from '../../libs/tenants'
import { createDatabase, type TestDatabase } from './database'
import { eventually } from './eventually'

const SECRET = 'a secret of tests, at least thirty-two characters'

/** What a stack is made of. Defaults: one gateway, a worker, two sandbox hosts (Ollama in us-east, OpenAI in eu-west). */
export interface StackOptions {
  readonly redisUrl: string
  readonly hosts?: SandboxHostOptions[]
  readonly gateways?: number
  readonly env?: Record<string, string>
  readonly hasWorker?: boolean
  /** Puts something between the processes and Postgres, such as a FaultProxy; `owner` stays direct. */
  readonly throughProxy?: (databaseUrl: string) => string | Promise<string>
}

/** Terms of a tenant that a test wants; the rest is the standard tier in us-east with all regions. */
export interface TenantWish {
  readonly tier?: string
  readonly homeRegion?: string
  readonly allowedRegions?: string[]
  readonly budgetPico?: bigint
  readonly key?: { rpm?: number; tpm?: number; parallel?: number; budgetPico?: bigint; allowedModels?: string[] }
}

/** A tenant with one API key, made behind the control plane's back. */
export interface SeededTenant {
  readonly id: string
  readonly slug: string
  readonly keyId: string
  readonly key: string
}

/** Gateways and a worker of this process on a database of their own and real sockets, with sandbox upstreams. */
export interface Stack {
  readonly urls: readonly string[]
  readonly url: string
  readonly database: TestDatabase
  readonly config: ClusterConfig
  readonly sandbox: Sandbox
  readonly owner: Client
  readonly gateways: readonly NestFastifyApplication[]
  addTenant(wish?: TenantWish): Promise<SeededTenant>
  /** Waits until no claim is queued and every running call is settled. */
  settled(): Promise<void>
  post(path: string, key: string, body: unknown, headers?: Record<string, string>): Promise<Response>
  stop(): Promise<void>
}

export const DEFAULT_HOSTS: SandboxHostOptions[] = [
  { name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['phi3', 'llama3.2', 'mistral:7b'] },
  { name: 'openai-eu', region: 'eu-west', dialect: 'openai', models: ['gpt-4o-mini', 'llama3.2'] },
]

const id = () => uuidv7(Date.now(), randomBytes(10))

/** Starts a stack. Prices: 1 unit per million input tokens, 2 per million output, every model. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const database = await createDatabase()
  const hosts = options.hosts ?? DEFAULT_HOSTS
  const sandbox = await startSandbox({ hosts })
  await markBorn(options.redisUrl)
  const owner = new Client({ connectionString: database.ownerUrl })
  owner.on('error', () => undefined)
  await owner.connect()
  await seedUpstreams(owner, sandbox, hosts)
  const config = configOf(database, options)
  const logger = processLogger(config.LOG_LEVEL).forNest()
  const through = options.throughProxy ?? ((url: string) => url)
  const [appUrl, workerUrl] = await Promise.all([through(database.appUrl), through(database.workerUrl)])
  const worker: INestApplicationContext | null =
    options.hasWorker === false ? null : await NestFactory.createApplicationContext(WorkerModule.register({ ...config, DATABASE_URL: workerUrl }), { logger, abortOnError: false })
  const gateways: NestFastifyApplication[] = []
  for (let i = 0; i < (options.gateways ?? 1); i++) {
    const app = await createHttpApp(GatewayModule.register({ ...config, DATABASE_URL: appUrl }), { config })
    await app.listen(0, '127.0.0.1')
    gateways.push(app)
  }
  const urls = await Promise.all(gateways.map((app) => app.getUrl()))
  return {
    urls,
    url: urls[0]!,
    database,
    config,
    sandbox,
    owner,
    gateways,
    addTenant: (wish) => addTenant(owner, wish ?? {}),
    settled: () => settled(urls),
    post: (path, key, body, headers = {}) => fetch(urls[0] + path, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body) }),
    stop: async () => {
      for (const app of gateways) await app.close()
      await worker?.close()
      await sandbox.close()
      await owner.end()
      await database.drop()
    },
  }
}

function configOf(database: TestDatabase, options: StackOptions): ClusterConfig {
  const config = parseEnvironment({
    LOG_LEVEL: 'silent',
    DATABASE_URL: database.appUrl,
    REDIS_URL: options.redisUrl,
    TOLLGATE_KEY_PEPPER: SECRET,
    TOLLGATE_JWT_SECRET: SECRET,
    TOLLGATE_SECRETS_KEY: SECRET,
    TOLLGATE_ALLOW_LOOPBACK_HOSTS: 'true',
    TOLLGATE_PROBE_INTERVAL_MS: '1000',
    TOLLGATE_CHECKPOINT_MS: '200',
    TOLLGATE_REDIS_TIMEOUT_MS: '5000',
    PREFERRED_PROVIDER: 'ollama',
    ...options.env,
  })
  return requireCluster(config)
}

async function seedUpstreams(owner: Client, sandbox: Sandbox, wished: readonly SandboxHostOptions[]): Promise<void> {
  for (const host of sandbox.hosts) {
    const provider = host.dialect === 'ollama' ? 'ollama' : 'openai'
    const hostId = id()
    await owner.query(`INSERT INTO host (id, name, region, provider, base_url, drain, status, is_sandbox) VALUES ($1, $2, $3, $4, $5, false, 'healthy', true)`, [hostId, host.name, host.region, provider, host.baseUrl])
    for (const model of wished.find((wish) => wish.name === host.name)!.models) {
      await owner.query(`INSERT INTO model (name, display_name, origin) VALUES ($1, $1, 'operator') ON CONFLICT DO NOTHING`, [model])
      await owner.query(`INSERT INTO deployment (host_id, model, upstream_name) VALUES ($1, $2, $2) ON CONFLICT DO NOTHING`, [hostId, model])
    }
  }
  await owner.query(`INSERT INTO price (id, model, effective_at, currency, input_pico, output_pico, source) VALUES ($1, '*', '2026-01-01', 'USD', 1000000, 2000000, 'test')`, [id()])
}

/** A Redis that has lost nothing: without the marks hard-capped callers would wait out the grace of a wipe. */
async function markBorn(redisUrl: string): Promise<void> {
  const redis = new Redis(redisUrl)
  for (let bucket = 0; bucket < 64; bucket++) await redis.set(`{b${String(bucket).padStart(2, '0')}}:born`, '0')
  await redis.quit()
}

async function addTenant(owner: Client, wish: TenantWish): Promise<SeededTenant> {
  const tenantId = id()
  const slug = `t-${tenantId.slice(-12)}`
  const bucket = createHash('sha256').update(tenantId).digest()[0]! % 64
  const regions = wish.allowedRegions ?? ['us-east', 'eu-west', 'asia-pacific']
  await owner.query(`INSERT INTO tenant (id, slug, name, tier, home_region, allowed_regions, bucket, max_budget_pico) VALUES ($1, $2, $2, $3, $4, $5, $6, $7)`, [
    tenantId, slug, wish.tier ?? 'standard', wish.homeRegion ?? 'us-east', regions, bucket, wish.budgetPico?.toString() ?? null,
  ])
  const minted = mintApiKey('live', (length) => randomBytes(length))
  const keyId = id()
  const { rpm, tpm, parallel, budgetPico, allowedModels } = wish.key ?? {}
  await owner.query(
    `INSERT INTO api_key (tenant_id, id, public_id, key_hash, pepper_version, key_prefix, name, rpm_limit, tpm_limit, max_parallel_requests, max_budget_pico, allowed_models)
     VALUES ($1, $2, $3, $4, 1, $5, 'test', $6, $7, $8, $9, $10)`,
    [tenantId, keyId, minted.publicId, hashApiKey(minted.key, SECRET), minted.prefix, rpm ?? null, tpm ?? null, parallel ?? null, budgetPico?.toString() ?? null, allowedModels ?? null],
  )
  return { id: tenantId, slug, keyId, key: minted.key }
}

/** The ring is empty when every final claim is committed and confirmed; running calls are zero when all have ended. */
async function settled(urls: readonly string[]): Promise<void> {
  await eventually(
    async () => {
      for (const url of urls) {
        const text = await (await fetch(`${url}/metrics`)).text()
        for (const gauge of ['tollgate_settlement_ring', 'tollgate_running_calls']) {
          const value = new RegExp(`^${gauge} (\\d+)`, 'm').exec(text)?.[1]
          if (value !== '0') throw new Error(`${gauge} is ${value}`)
        }
      }
    },
    { timeoutMs: 20_000 },
  )
}
