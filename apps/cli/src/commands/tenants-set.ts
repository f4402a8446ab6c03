import type { Command } from '../command'
import { TENANT_OPTIONS, tenantFields } from '../tenant-options'
import { UsageError } from '../terminal'
import type { Tenant } from './tenants-list'

export const tenantsSet: Command = {
  name: 'tenants set',
  args: ['<slug>'],
  summary: 'change a tenant: move it to another tier or region, suspend it',
  options: { ...TENANT_OPTIONS, suspend: { type: 'boolean', summary: 'refuse its calls' }, resume: { type: 'boolean', summary: 'serve its calls again' } },
  async run({ args, options, api, show }) {
    if (options.suspend && options.resume) throw new UsageError('--suspend and --resume are opposites: give one.')
    const changes = { ...tenantFields(options), ...(options.suspend ? { is_suspended: true } : options.resume ? { is_suspended: false } : {}) }
    if (Object.keys(changes).length === 0) throw new UsageError('there is nothing to change. `tollgate tenants set --help` lists what can be.')
    const tenant = await api.json<Tenant>('PATCH', `/admin/tenants/${encodeURIComponent(args[0]!)}`, changes)
    show(tenant, `Tenant ${tenant.slug}: tier ${tenant.tier}, at home in ${tenant.home_region}, ${tenant.billing}${tenant.is_suspended ? ', suspended' : ''}.`)
  },
}
