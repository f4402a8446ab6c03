import { randomBytes, randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { migrate } from '@tollgate/platform/postgres'
import { hashApiKey, mintApiKey } from '@tollgate/tenants'
import { MODEL } from './upstream-answers'

/** What processes need to work on the seeded database. */
export interface Seed {
  readonly databaseUrl: string
  readonly rolePassword: string
  readonly pepper: string
  readonly apiKey: string
  readonly bucket: number
}

const BUCKET = 7
/** A hard budget in nano-dollars must stay below 2^53 in the admission script: a million dollars does. */
const BUDGET_PICO = '1000000000000000000'

/**
 * A migrated database with one tenant of tier enterprise whose limits and hard budget are checked like anybody's and
 * never reached, one API key, one host, one model and its price. Written by the owner, as no process of ours could.
 */
export async function seedDatabase(postgresUrl: string, upstreamUrl: string): Promise<Seed> {
  const rolePassword = randomBytes(12).toString('hex')
  await run(postgresUrl, [['CREATE DATABASE tollgate', []]])
  const address = new URL(postgresUrl)
  address.pathname = '/tollgate'
  await migrate({ url: address.href, rolePassword })
  const pepper = randomBytes(24).toString('hex')
  const { key, publicId, prefix } = mintApiKey('live', randomBytes)
  const [tenantId, hostId] = [randomUUID(), randomUUID()]
  await run(address.href, [
    [
      `INSERT INTO tier (slug, version, name, models, rpm_limit, tpm_limit, max_parallel_requests, queue_weight, max_output_tokens)
       VALUES ('enterprise', 2, 'Enterprise', '{*}', 2000000000, 2000000000000, 1000000, 16, 32768)`,
      [],
    ],
    [
      `INSERT INTO tenant (id, slug, name, tier, home_region, allowed_regions, max_budget_pico, bucket)
       VALUES ($1, 'bench', 'Bench', 'enterprise', 'us-east', '{us-east}', $2, $3)`,
      [tenantId, BUDGET_PICO, BUCKET],
    ],
    [
      `INSERT INTO api_key (tenant_id, id, public_id, key_hash, pepper_version, key_prefix, name) VALUES ($1, $2, $3, $4, 1, $5, 'bench')`,
      [tenantId, randomUUID(), publicId, hashApiKey(key, pepper), prefix],
    ],
    [
      `INSERT INTO host (id, name, region, provider, base_url, max_parallel, drain, status) VALUES ($1, 'bench-upstream', 'us-east', 'openai', $2, 1000, false, 'healthy')`,
      [hostId, upstreamUrl],
    ],
    [`INSERT INTO model (name, display_name, origin) VALUES ($1, $1, 'operator')`, [MODEL]],
    [`INSERT INTO deployment (host_id, model, upstream_name) VALUES ($1, $2, $2)`, [hostId, MODEL]],
    [
      `INSERT INTO price (id, model, effective_at, currency, input_pico, output_pico, source) VALUES ($1, $2, '2020-01-01', 'USD', 150000, 600000, 'bench')`,
      [randomUUID(), MODEL],
    ],
  ])
  return { databaseUrl: address.href, rolePassword, pepper, apiKey: key, bucket: BUCKET }
}

async function run(url: string, statements: readonly (readonly [sql: string, parameters: readonly unknown[]])[]): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    for (const [sql, parameters] of statements) await client.query(sql, [...parameters])
  } finally {
    await client.end()
  }
}
