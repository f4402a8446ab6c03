import type { Command } from '../command'
import { confirm } from '../secret-input'

export const keysRevoke: Command = {
  name: 'keys revoke',
  args: ['<tenant>', '<id>'],
  summary: 'end a key at once',
  options: { yes: { type: 'boolean', summary: 'do not ask' } },
  async run({ args: [tenant, id], options, api, terminal, show }) {
    await confirm(terminal, `Revoke key ${id} of ${tenant}?`, options.yes === true)
    await api.json('DELETE', `/admin/tenants/${encodeURIComponent(tenant!)}/keys/${encodeURIComponent(id!)}`)
    show({ revoked: id }, `Key ${id} is revoked.`)
  },
}
