import type { Command } from '../command'
import { stateOf, warningsOf, type Host } from './hosts-list'

export const hostsResume: Command = {
  name: 'hosts resume',
  args: ['<name>'],
  summary: 'probe a host and let it serve again',
  async run({ args, api, show }) {
    const host = await api.json<Host>('PATCH', `/admin/hosts/${encodeURIComponent(args[0]!)}`, { drain: false })
    show(host, `Host ${host.name}: ${stateOf(host)}, ${host.models.length} models.${warningsOf(host)}`)
    return !host.drain
  },
}
