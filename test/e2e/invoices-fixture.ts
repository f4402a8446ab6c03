import { CatalogService } from '../../libs/catalog'
import { startAdmin, type AdminApp } from '../admin/admin-app'
import { eventually, startStack, type SeededTenant, type Stack } from '../support'

/** The month before last: closed and rested on every day of this one. */
export const MONTH = monthsAgo(2)
/** The month before this one; closed, and maybe not rested. */
export const NEXT_MONTH = monthsAgo(1)

function monthsAgo(months: number): string {
  const now = new Date()
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months, 1)).toISOString().slice(0, 7)
}

/** A stack with a worker that seals, a control plane on the same database, and calls in past months. */
export interface InvoiceStack {
  readonly stack: Stack
  readonly admin: AdminApp
  readonly owner: string
  stop(): Promise<void>
}

/** @param redisUrl asked for while the spec file loads */
export async function startInvoiceStack(redisUrl: string): Promise<InvoiceStack> {
  const stack = await startStack({ redisUrl, env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
  // A thousandth a token, so that a few words come to cents.
  await stack.owner.query(`INSERT INTO price (id, model, effective_at, currency, input_pico, output_pico, source) VALUES (gen_random_uuid(), '*', '2026-01-02', 'USD', 1000000000, 1000000000, 'spec')`)
  await stack.gateways[0]!.get(CatalogService).refresh()
  const admin = await startAdmin({}, stack.database)
  const owner = await admin.personToken('owner')
  const stop = async () => {
    await admin.stop()
    await stack.stop()
  }
  return { stack, admin, owner, stop }
}

/** Makes calls through the gateway and posts them once more as if they had been made in a past month. */
export async function callsIn(world: InvoiceStack, tenant: SeededTenant, month: string, count: number, model = 'llama3.2'): Promise<void> {
  const { stack } = world
  for (let i = 0; i < count; i++) {
    const response = await stack.post('/chat', tenant.key, { message: 'word '.repeat(i + 1), model })
    if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
    await response.text()
  }
  await stack.settled()
  await stack.owner.query(
    `SELECT count(*) FROM apply_claims((SELECT jsonb_agg(to_jsonb(u) || jsonb_build_object('rid', gen_random_uuid(), 'day', $2::text || '-15', 'started_at', $2 || '-15T12:00:00Z', 'budgets', '[]'::jsonb, 'provider_attempts', '[]'::jsonb))
       FROM usage u WHERE u.tenant_id = $1 AND u.day >= current_date - 1 AND u.model = $3))`,
    [tenant.id, month, model],
  )
}

/** Issues as soon as the worker has sealed the ledger. @returns the invoice as the list shows it */
export async function issue(world: InvoiceStack, tenant: SeededTenant, month = MONTH, force = false): Promise<{ id: string; sha256: string; total: string }> {
  return eventually(async () => {
    const { status, body } = await world.admin.call('POST', `/admin/tenants/${tenant.slug}/invoices`, { token: world.owner, body: { period: month, force } })
    if (status !== 201) throw new Error(`${status} ${JSON.stringify(body)}`)
    return body as { id: string; sha256: string; total: string }
  })
}
