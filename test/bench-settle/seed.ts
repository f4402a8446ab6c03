import { randomBytes, randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { migrate } from '@tollgate/platform/postgres'
import { hashApiKey, mintApiKey } from '@tollgate/tenants'

/** What processes need to work on the seeded database; `keys` has one of each tenant. */
export interface SettleSeed {
  readonly databaseUrl: string
  readonly rolePassword: string
  readonly secret: string
  readonly keys: readonly string[]
}

/** In nano it stays below 2^53, which is what the scripts count with. */
const BUDGET_PICO = '1000000000000000000'

/** Tenants spread over the buckets, each with a hard budget and limits that are checked and never reached, and one key. */
export async function seedTenants(postgresUrl: string, tenants: number): Promise<SettleSeed> {
  const rolePassword = randomBytes(12).toString('hex')
  const secret = randomBytes(24).toString('hex')
  await migrate({ url: postgresUrl, rolePassword })
  const owner = new Client({ connectionString: postgresUrl })
  await owner.connect()
  await owner.query(
    `INSERT INTO tier (slug, version, name, models, rpm_limit, tpm_limit, max_parallel_requests, queue_weight, max_output_tokens)
     VALUES ('enterprise', 2, 'Enterprise', '{*}', 2000000000, 2000000000000, 1000000, 16, 32768)`,
  )
  const keys: string[] = []
  for (let i = 0; i < tenants; i++) {
    const [id, { key, publicId, prefix }] = [randomUUID(), mintApiKey('live', randomBytes)]
    await owner.query(
      `INSERT INTO tenant (id, slug, name, tier, home_region, allowed_regions, max_budget_pico, bucket) VALUES ($1, $2, $2, 'enterprise', 'us-east', '{us-east}', $3, $4)`,
      [id, `bench-${i}`, BUDGET_PICO, i % 64],
    )
    await owner.query(`INSERT INTO api_key (tenant_id, id, public_id, key_hash, pepper_version, key_prefix, name) VALUES ($1, $2, $3, $4, 1, $5, 'bench')`, [id, randomUUID(), publicId, hashApiKey(key, secret), prefix])
    keys.push(key)
  }
  await owner.end()
  return { databaseUrl: postgresUrl, rolePassword, secret, keys }
}
