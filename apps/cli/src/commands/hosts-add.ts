import type { Command } from '../command'
import { given, needed, text, whole } from '../option-values'
import { secretFrom } from '../secret-input'
import { stateOf, warningsOf, type Host } from './hosts-list'

export const hostsAdd: Command = {
  name: 'hosts add',
  args: ['<name>'],
  summary: 'add a host; when it answers, it serves its region at once',
  options: {
    region: { type: 'string', summary: 'where it is' },
    url: { type: 'string', summary: 'its address, such as http://10.0.1.10:11434' },
    provider: { type: 'string', summary: 'ollama (default), openai, openrouter, anthropic, openai-compatible …' },
    secret: { type: 'string', summary: '- asks for its credential, or reads it from standard input' },
    'max-parallel': { type: 'string', summary: 'calls it works on at once' },
    weight: { type: 'string', summary: 'its share beside the hosts of its region' },
    'cost-per-hour': { type: 'string', summary: 'in US dollars, used or idle' },
    drain: { type: 'boolean', summary: 'add it without serving' },
  },
  async run({ args, options, api, terminal, show }) {
    const region = needed(options, 'region', 'where the host is')
    const base_url = needed(options, 'url', 'its address')
    const given_secret = text(options, 'secret')
    const secret = given_secret === '-' ? await secretFrom(terminal, 'Secret') : given_secret
    const host = await api.json<Host>('POST', '/admin/hosts', given({ name: args[0], region, base_url, provider: text(options, 'provider') ?? 'ollama', secret, max_parallel: whole(options, 'max-parallel'), weight: whole(options, 'weight'), cost_per_hour: text(options, 'cost-per-hour'), drain: options.drain === true ? true : undefined }))
    show(host, `Host ${host.name} is in ${host.region}: ${stateOf(host)}, ${host.models.length} models.${warningsOf(host)}`)
  },
}
