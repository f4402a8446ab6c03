import type { Command } from '../command'
import type { Host } from './hosts-list'

export const hostsDrain: Command = {
  name: 'hosts drain',
  args: ['<name>'],
  summary: 'send a host no new calls; those it works on end in peace',
  async run({ args, api, show }) {
    const host = await api.json<Host>('PATCH', `/admin/hosts/${encodeURIComponent(args[0]!)}`, { drain: true })
    show(host, `Host ${host.name} gets no new calls. \`tollgate hosts resume ${host.name}\` lets it serve again.`)
  },
}
