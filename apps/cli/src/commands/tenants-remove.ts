import type { Command } from '../command'
import { confirm } from '../secret-input'

export const tenantsRemove: Command = {
  name: 'tenants remove',
  args: ['<slug>'],
  summary: 'remove a tenant that has no usage on record; suspend one that has',
  options: { yes: { type: 'boolean', summary: 'do not ask' } },
  async run({ args, options, api, terminal, show }) {
    await confirm(terminal, `Remove tenant ${args[0]}? Its keys end at once.`, options.yes === true)
    await api.json('DELETE', `/admin/tenants/${encodeURIComponent(args[0]!)}`)
    show({ removed: args[0] }, `Tenant ${args[0]} is removed.`)
  },
}
