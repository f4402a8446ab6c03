import type { StandaloneFile } from './data-folder'
import type { PlannedHost } from './upstreams'

/** The control plane, asked as an operator would over HTTP but without a socket. Rejects on any status from 400. */
export type AdminCall = (method: 'GET' | 'POST' | 'PATCH', path: string, body?: unknown) => Promise<Record<string, unknown>>

const REGIONS = ['us-east', 'eu-west', 'asia-pacific']

/** One tenant per default tier, spread over the regions. */
const TENANTS = [
  { slug: 'acme-free', name: 'Acme Free', tier: 'free', home_region: 'us-east' },
  { slug: 'globex-standard', name: 'Globex Standard', tier: 'standard', home_region: 'eu-west' },
  { slug: 'initech-premium', name: 'Initech Premium', tier: 'premium', home_region: 'asia-pacific' },
  { slug: 'umbrella-enterprise', name: 'Umbrella Enterprise', tier: 'enterprise', home_region: 'us-east' },
] as const

/** Price per million tokens, input and output, of the models the demo fleet holds; `*` covers whatever else a host holds. */
const PRICES: readonly [model: string, input: string, output: string][] = [
  ['*', '0.20', '0.40'],
  ['tinyllama', '0.02', '0.04'],
  ['phi3', '0.05', '0.10'],
  ['llama3.2', '0.10', '0.20'],
  ['qwen2.5:3b', '0.10', '0.20'],
  ['granite-code:3b', '0.10', '0.20'],
  ['mistral:7b', '0.15', '0.30'],
  ['qwen3:8b', '0.20', '0.40'],
  ['codellama:13b', '0.25', '0.50'],
  ['qwen3:14b', '0.30', '0.60'],
  ['codellama:34b', '0.60', '1.20'],
  ['llama3.1:70b', '0.90', '1.80'],
]

/** Adds what is missing: prices, hosts and four tenants with a key each. Run again after a crash it goes on where it was. */
export async function firstRun(admin: AdminCall, hosts: readonly PlannedHost[], known: StandaloneFile['tenants'], save: (tenants: StandaloneFile['tenants']) => void): Promise<StandaloneFile['tenants']> {
  await addPrices(admin)
  for (const host of hosts) await addHost(admin, host)
  const tenants = [...known]
  for (const tenant of TENANTS) {
    if (tenants.some((done) => done.slug === tenant.slug)) continue
    await admin('POST', '/admin/tenants', { ...tenant, allowed_regions: REGIONS, currency: 'USD', time_zone: 'UTC', billing: 'postpaid', budget_duration: 'month' }).catch(ignoreConflict)
    const { key } = await admin('POST', `/admin/tenants/${tenant.slug}/keys`, { name: 'first key' })
    tenants.push({ slug: tenant.slug, tier: tenant.tier, home_region: tenant.home_region, api_key: String(key) })
    save(tenants)
  }
  return tenants
}

/** Adds a host, or corrects the address of one that is known. */
export async function addHost(admin: AdminCall, host: PlannedHost): Promise<void> {
  await admin('POST', '/admin/hosts', { ...host }).catch(async (error: Error) => {
    ignoreConflict(error)
    await admin('PATCH', `/admin/hosts/${host.name}`, { base_url: host.base_url })
  })
}

async function addPrices(admin: AdminCall): Promise<void> {
  const { data } = (await admin('GET', '/admin/prices?limit=1')) as { data: unknown[] }
  if (data.length > 0) return
  for (const [model, input, output] of PRICES) {
    await admin('POST', '/admin/prices', { model, provider: 'ollama', effective_at: '2026-01-01T00:00:00Z', currency: 'USD', input_per_million: input, output_per_million: output, source: 'demo price list' })
  }
}

function ignoreConflict(error: Error): Record<string, unknown> {
  if (!error.message.startsWith('409')) throw error
  return {}
}
