import type { Command } from '../command'
import { needed, text } from '../option-values'
import { TENANT_OPTIONS, tenantFields } from '../tenant-options'
import type { Tenant } from './tenants-list'

export const tenantsCreate: Command = {
  name: 'tenants create',
  args: ['<slug>'],
  summary: 'make a tenant',
  options: { ...TENANT_OPTIONS, currency: { type: 'string', summary: 'ISO 4217 (USD); it stays for ever' } },
  async run({ args, options, api, show }) {
    needed(options, 'tier', 'which rights and limits it has')
    needed(options, 'region', 'where it is at home')
    const currency = text(options, 'currency')
    const tenant = await api.json<Tenant>('POST', '/admin/tenants', { slug: args[0], name: args[0], ...tenantFields(options), ...(currency ? { currency } : {}) })
    show(tenant, `Tenant ${tenant.slug} is in tier ${tenant.tier}. \`tollgate keys create ${tenant.slug} <name>\` makes its first key.`)
  },
}
