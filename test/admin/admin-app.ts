import { randomUUID, scryptSync } from 'node:crypto'
import type { NestFastifyApplication } from '@nestjs/platform-fastify'
import type { InjectOptions } from 'fastify'
import { AdminModule } from '../../apps/admin/src/admin.module'
import { parseEnvironment, requireCluster, type ClusterConfig } from '@tollgate/platform/config'
import { createHttpApp } from '@tollgate/platform/http'
import { Client } from 'pg'
import { OpenApi } from '../../apps/admin/src/openapi/open-api'
import { createDatabase, redisTargets, type TestDatabase } from '../support/index'
import { replyCheck } from '../support/reply-check'

/** A reply as specs look at it. */
export interface Reply {
  readonly status: number
  // oxlint-disable-next-line typescript/no-explicit-any -- specs look into replies of every shape
  readonly body: any
  readonly headers: Record<string, unknown>
}

/** A control plane on a database of its own; requests go through Fastify without a socket, and every reply is held against the OpenAPI document. */
export interface AdminApp {
  readonly app: NestFastifyApplication
  readonly config: ClusterConfig
  readonly database: TestDatabase
  call(method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE', url: string, options?: { token?: string; body?: unknown; headers?: Record<string, string>; ip?: string }): Promise<Reply>
  /** Makes a person, logs in, answers the access token. */
  personToken(role: string, tenantId?: string | null): Promise<string>
  stop(): Promise<void>
}

export const PASSWORD = 'correct horse battery staple'

// Asked for while the file loads, so that this worker's Redis is emptied before its first hook.
const redisUrl = redisTargets().at(-1)!.url

// A control plane starts in each file while the others keep the machine busy.
jest.setTimeout(120_000)

/** A stored hash names its own cost, so specs may use a cheap one: forty log-ins at the real cost take ten seconds. */
const CHEAP_HASH = `scrypt$1024$8$1$${Buffer.alloc(16).toString('base64')}$${scryptSync(PASSWORD, Buffer.alloc(16), 32, { N: 1024, r: 8, p: 1 }).toString('base64')}`

async function insertPerson(database: TestDatabase, email: string, role: string, tenantId: string | null): Promise<void> {
  const client = new Client({ connectionString: database.ownerUrl })
  await client.connect()
  await client.query('INSERT INTO account (id, tenant_id, email, password_hash, role) VALUES ($1, $2, $3, $4, $5)', [randomUUID(), tenantId, email, CHEAP_HASH, role])
  await client.end()
}

/** Starts one on the last Redis of this run (a real server where there is one), on a new database or one that another owns. */
export async function startAdmin(environment: Record<string, string> = {}, existing?: TestDatabase): Promise<AdminApp> {
  const database = existing ?? (await createDatabase())
  const config = requireCluster(
    parseEnvironment({
      NODE_ENV: 'test',
      LOG_LEVEL: 'error',
      DATABASE_URL: database.adminUrl,
      REDIS_URL: redisUrl,
      TOLLGATE_KEY_PEPPER: 'pepper-of-the-specs-0123456789abcdef',
      TOLLGATE_JWT_SECRET: 'jwt-secret-of-the-specs-0123456789abcdef',
      TOLLGATE_SECRETS_KEY: 'secrets-key-of-the-specs-0123456789abcd',
      TOLLGATE_ALLOW_LOOPBACK_HOSTS: 'true',
      ...environment,
    }),
  )
  const app = await createHttpApp(AdminModule.register(config), { config })
  await app.init()
  await app.getHttpAdapter().getInstance().ready()
  const check = replyCheck(app.get(OpenApi).document())
  let people = 0
  const call: AdminApp['call'] = async (method, url, { token, body, headers = {}, ip } = {}) => {
    const request: InjectOptions = { method, url, remoteAddress: ip ?? '198.51.100.1', headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers } }
    const reply = await app.inject({ ...request, ...(body === undefined ? {} : { payload: JSON.stringify(body) }) })
    const answered: Reply = { status: reply.statusCode, body: reply.payload === '' ? undefined : reply.json(), headers: reply.headers }
    check(method, url, answered.status, String(reply.headers['content-type'] ?? ''), answered.body)
    return answered
  }
  return {
    app,
    config,
    database,
    call,
    async personToken(role, tenantId = null) {
      people += 1
      const email = `person${people}-${role}@example.com`
      await insertPerson(database, email, role, tenantId)
      const reply = await call('POST', '/auth/login', { body: { email, password: PASSWORD }, ip: `203.0.113.${people}` })
      if (reply.status !== 200) throw new Error(`log-in failed: ${JSON.stringify(reply.body)}`)
      return reply.body.access_token as string
    },
    async stop() {
      await app.close()
      if (!existing) await database.drop()
    },
  }
}
