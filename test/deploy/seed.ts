import { randomBytes } from 'node:crypto'
import type { Sandbox } from '../../apps/sandbox/src'
import { uuidv7 } from '../../libs/kernel'
import { hashApiKey, mintApiKey } from '../../libs/tenants'
import { query } from './cluster'
import { SAMPLE_VALUES } from './compose-file'

const id = () => uuidv7(Date.now(), randomBytes(10))

/** Registers the sandbox's hosts as they are after a first probe, and one price: 1 a million tokens in, 2 out. */
export async function seedHosts(ownerUrl: string, sandbox: Sandbox): Promise<void> {
  for (const host of sandbox.hosts)
    await query(ownerUrl, `INSERT INTO host (id, name, region, provider, base_url, max_parallel, drain, is_sandbox) VALUES ($1, $2, $3, 'ollama', $4, 10000, false, true)`, [id(), host.name, host.region, host.baseUrl])
  await query(ownerUrl, `INSERT INTO price (id, model, effective_at, currency, input_pico, output_pico, source) VALUES ($1, '*', '2026-01-01', 'USD', 1000000, 2000000, 'test')`, [id()])
}

/** Makes an enterprise tenant with one key. @param rpmLimit requests a minute of the key; null for the tier's only */
export async function seedKey(ownerUrl: string, slug: string, rpmLimit: number | null): Promise<string> {
  const tenantId = id()
  await query(ownerUrl, `INSERT INTO tenant (id, slug, name, tier, home_region, allowed_regions, bucket) VALUES ($1, $2, $2, 'enterprise', 'us-east', '{us-east}', 7)`, [tenantId, slug])
  const minted = mintApiKey('live', (length) => randomBytes(length))
  await query(
    ownerUrl,
    `INSERT INTO api_key (tenant_id, id, public_id, key_hash, pepper_version, key_prefix, name, rpm_limit) VALUES ($1, $2, $3, $4, 1, $5, 'test', $6)`,
    [tenantId, id(), minted.publicId, hashApiKey(minted.key, SAMPLE_VALUES.TOLLGATE_KEY_PEPPER!), minted.prefix, rpmLimit],
  )
  return minted.key
}
