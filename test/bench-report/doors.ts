import 'reflect-metadata'
import { randomBytes, randomUUID, scryptSync } from 'node:crypto'
import type { NestFastifyApplication } from '@nestjs/platform-fastify'
import type { Client } from 'pg'
import { parseEnvironment, requireCluster } from '@tollgate/platform/config'
import { createHttpApp } from '@tollgate/platform/http'
import { withCredentials } from '@tollgate/platform/postgres'
import { hashApiKey, mintApiKey } from '@tollgate/tenants'
import { AdminModule } from '../../apps/admin/src/admin.module'
import { GatewayModule } from '../../apps/gateway/src/gateway.module'
import type { Dataset } from './dataset'
import type { Shape } from './shapes'

/** Gateway and control plane on real sockets, and credentials for what is asked. */
export interface Doors {
  /** Asks once and reads the whole answer. @throws when it is not 200 */
  ask(shape: Shape): Promise<{ ms: number; bytes: number; next: string | null }>
  stop(): Promise<void>
}

const EMAIL = 'bench@example.com'
const PASSWORD = 'correct horse battery staple'
/** A stored hash names its own cost. */
const HASH = `scrypt$1024$8$1$${Buffer.alloc(16).toString('base64')}$${scryptSync(PASSWORD, Buffer.alloc(16), 32, { N: 1024, r: 8, p: 1 }).toString('base64')}`

/** Starts both on a database that is built, with a new key for each measured tenant and an operator. */
export async function openDoors(owner: Client, { url, rolePassword, redisUrl }: { url: string; rolePassword: string; redisUrl: string }, dataset: Dataset): Promise<Doors> {
  const secret = randomBytes(24).toString('hex')
  const config = (role: 'tg_app' | 'tg_admin') =>
    requireCluster(
      parseEnvironment({
        NODE_ENV: 'production', LOG_LEVEL: 'error', DATABASE_URL: withCredentials(url, role, rolePassword), REDIS_URL: redisUrl, TOLLGATE_KEY_PEPPER: secret, TOLLGATE_JWT_SECRET: secret,
        TOLLGATE_SECRETS_KEY: secret, TOLLGATE_ALLOW_LOOPBACK_HOSTS: 'true', OLLAMA_AUTO_HEALTH_CHECK: 'false',
      }),
    )
  const keys = { biggest: await keyOf(owner, dataset.biggest, secret), typical: await keyOf(owner, dataset.typical, secret) }
  await owner.query(`INSERT INTO account (id, email, password_hash, role) VALUES ($1, $2, $3, 'owner') ON CONFLICT DO NOTHING`, [randomUUID(), EMAIL, HASH])
  const [appConfig, adminConfig] = [config('tg_app'), config('tg_admin')]
  const apps: Record<Shape['door'], NestFastifyApplication> = {
    gateway: await createHttpApp(GatewayModule.register(appConfig), { config: appConfig }),
    admin: await createHttpApp(AdminModule.register(adminConfig), { config: adminConfig }),
  }
  const urls = { gateway: '', admin: '' }
  for (const door of ['gateway', 'admin'] as const) {
    await apps[door].listen(0, '127.0.0.1')
    urls[door] = await apps[door].getUrl()
  }
  const login = await fetch(`${urls.admin}/auth/login`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ email: EMAIL, password: PASSWORD }) })
  if (login.status !== 200) throw new Error(`log-in failed: ${await login.text()}`)
  const { access_token: token } = (await login.json()) as { access_token: string }
  const credentials = { ...keys, all: token }
  return {
    async ask({ door, path, tenant }) {
      const startedMs = performance.now()
      const reply = await fetch(urls[door] + path, { headers: { authorization: `Bearer ${credentials[tenant]}` } })
      const text = await reply.text()
      const ms = performance.now() - startedMs
      if (reply.status !== 200) throw new Error(`${path} answers ${reply.status}: ${text.slice(0, 300)}`)
      return { ms, bytes: text.length, next: /"next":"([^"]+)"/.exec(text)?.[1] ?? null }
    },
    stop: async () => void (await Promise.all([apps.gateway.close(), apps.admin.close()])),
  }
}

async function keyOf(owner: Client, slug: string, pepper: string): Promise<string> {
  const { key, publicId, prefix } = mintApiKey('live', (length) => randomBytes(length))
  await owner.query(`INSERT INTO api_key (tenant_id, id, public_id, key_hash, pepper_version, key_prefix, name) SELECT id, $2, $3, $4, 1, $5, 'bench' FROM tenant WHERE slug = $1`, [slug, randomUUID(), publicId, hashApiKey(key, pepper), prefix])
  return key
}
