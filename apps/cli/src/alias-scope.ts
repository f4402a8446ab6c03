import type { Call, CommandOption } from './command'
import { text } from './option-values'
import { UsageError } from './terminal'

/** Whose alias it is; the platform's without either. */
export const SCOPE_OPTIONS: Readonly<Record<string, CommandOption>> = {
  tier: { type: 'string', summary: "a tier's, by slug" },
  tenant: { type: 'string', summary: "a tenant's own, by slug" },
}

/** Where aliases of a scope are on the control plane. @throws UsageError */
export function aliasPath(options: Call['options']): { path: string; query: string; tier?: string } {
  const [tier, tenant] = [text(options, 'tier'), text(options, 'tenant')]
  if (tier !== undefined && tenant !== undefined) throw new UsageError('an alias is of a tier or of a tenant: give one of --tier and --tenant.')
  if (tenant !== undefined) return { path: `/admin/tenants/${encodeURIComponent(tenant)}/aliases`, query: '' }
  return { path: '/admin/aliases', query: tier === undefined ? '' : `?tier=${encodeURIComponent(tier)}`, tier }
}
