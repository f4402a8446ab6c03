import type { Command } from '../command'
import { confirm } from '../secret-input'

export const hostsRemove: Command = {
  name: 'hosts remove',
  args: ['<name>'],
  summary: 'remove a host; drain it first when calls are on it',
  options: { yes: { type: 'boolean', summary: 'do not ask' } },
  async run({ args, options, api, terminal, show }) {
    await confirm(terminal, `Remove host ${args[0]}?`, options.yes === true)
    await api.json('DELETE', `/admin/hosts/${encodeURIComponent(args[0]!)}`)
    show({ removed: args[0] }, `Host ${args[0]} is removed.`)
  },
}
