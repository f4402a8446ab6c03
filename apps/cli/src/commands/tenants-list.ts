import type { Command } from '../command'
import { table } from '../table'

/** A tenant as far as it is shown. */
export interface Tenant {
  readonly slug: string
  readonly name: string
  readonly tier: string
  readonly home_region: string
  readonly billing: string
  readonly is_suspended: boolean
}

export const tenantsList: Command = {
  name: 'tenants list',
  args: [],
  summary: 'tenants with their tiers',
  async run({ api, show }) {
    const tenants = await api.list<Tenant>('/admin/tenants')
    const rows = tenants.map(({ slug, name, tier, home_region: region, billing, is_suspended: isSuspended }) => [slug, name, tier, region, billing, isSuspended ? 'suspended' : ''])
    show(tenants, rows.length > 0 ? table(['TENANT', 'NAME', 'TIER', 'REGION', 'BILLING', ''], rows) : 'There is no tenant. `tollgate tenants create <slug>` makes one.')
  },
}
