import { NestFactory } from '@nestjs/core'
import type { INestApplicationContext } from '@nestjs/common'
import type { NestFastifyApplication } from '@nestjs/platform-fastify'
import { Client } from 'pg'
import { GatewayModule } from '../../apps/gateway/src/gateway.module'
import { startSandbox, type Sandbox, type SandboxHostOptions } from '../../apps/sandbox/src'
import { WorkerModule } from '../../apps/worker/src/worker.module'
import { parseEnvironment, requireCluster, type ClusterConfig } from '../../libs/platform/config'
import { createHttpApp } from '../../libs/platform/http'
import { processLogger } from '../../libs/platform/logging'
import { createDatabase, type TestDatabase } from './database'
import { documented } from './documented'
import { eventually } from './eventually'
import { addTenant, markBorn, SECRET, seedUpstreams, type SeededTenant, type TenantWish } from './seeding'

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
  /** What is answered in JSON is held against the OpenAPI document. */
  post(path: string, key: string, body: unknown, headers?: Record<string, string>): Promise<Response>
  stop(): Promise<void>
}

export const DEFAULT_HOSTS: SandboxHostOptions[] = [
  { name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['phi3', 'llama3.2', 'mistral:7b'] },
  { name: 'openai-eu', region: 'eu-west', dialect: 'openai', models: ['gpt-4o-mini', 'llama3.2'] },
]

/** Starts a stack. Prices: 1 unit per million input tokens, 2 per million output, every model. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const database = await createDatabase()
  const hosts = options.hosts ?? DEFAULT_HOSTS
  // The books are held against every request of a load, however fast the machine made them.
  const sandbox = await startSandbox({ hosts: hosts.map((host) => ({ ...host, keptRequests: Infinity })) })
  await markBorn(options.redisUrl)
  const owner = new Client({ connectionString: database.ownerUrl })
  owner.on('error', () => undefined)
  await owner.connect()
  await seedUpstreams(owner, sandbox.hosts.map(({ name, baseUrl }) => ({ ...hosts.find((host) => host.name === name)!, baseUrl })))
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
    post: async (path, key, body, headers = {}) => documented('POST', await fetch(urls[0] + path, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body) })),
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
