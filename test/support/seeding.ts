import { createHash, randomBytes } from 'node:crypto'
import type { Client } from 'pg'
import type { SandboxHostOptions } from '../../apps/sandbox/src'
import { uuidv7 } from '../../libs/kernel'
import { RedisClients } from '../../libs/platform/redis'
import { hashApiKey, mintApiKey } from '../../libs/tenants'

/** Pepper and secret of every test installation. */
export const SECRET = 'a secret of tests, at least thirty-two characters'

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

/** A running sandbox host and the models it is to serve. */
export type SeededHost = Pick<SandboxHostOptions, 'name' | 'region' | 'dialect' | 'models'> & { readonly baseUrl: string }

const id = () => uuidv7(Date.now(), randomBytes(10))

/** Registers hosts with their models, found healthy, and one price: 1 unit a million tokens in, 2 out. */
export async function seedUpstreams(owner: Client, hosts: readonly SeededHost[]): Promise<void> {
  for (const host of hosts) {
    const provider = host.dialect
    const hostId = id()
    await owner.query(`INSERT INTO host (id, name, region, provider, base_url, max_parallel, drain, status, is_sandbox) VALUES ($1, $2, $3, $4, $5, 10000, false, 'healthy', true)`, [hostId, host.name, host.region, provider, host.baseUrl])
    for (const model of host.models) {
      await owner.query(`INSERT INTO model (name, display_name, origin) VALUES ($1, $1, 'operator') ON CONFLICT DO NOTHING`, [model])
      await owner.query(`INSERT INTO deployment (host_id, model, upstream_name) VALUES ($1, $2, $2) ON CONFLICT DO NOTHING`, [hostId, model])
    }
  }
  await owner.query(`INSERT INTO price (id, model, effective_at, currency, input_pico, output_pico, source) VALUES ($1, '*', '2026-01-01', 'USD', 1000000, 2000000, 'test')`, [id()])
}

/** A Redis that has lost nothing: without the marks hard-capped callers would wait out the grace of a wipe. */
export async function markBorn(redisUrl: string): Promise<void> {
  const clients = await RedisClients.connect(redisUrl, 5_000)
  for (let bucket = 0; bucket < 64; bucket++) await clients.admission.set(`{b${String(bucket).padStart(2, '0')}}:born`, '0')
  clients.close()
}

/** Makes a tenant with one key. @param pepper of an installation that made its own */
export async function addTenant(owner: Client, wish: TenantWish = {}, pepper = SECRET): Promise<SeededTenant> {
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
    [tenantId, keyId, minted.publicId, hashApiKey(minted.key, pepper), minted.prefix, rpm ?? null, tpm ?? null, parallel ?? null, budgetPico?.toString() ?? null, allowedModels ?? null],
  )
  return { id: tenantId, slug, keyId, key: minted.key }
}
