import type { Command } from '../command'
import { table } from '../table'

/** A host as far as it is shown. */
export interface Host {
  readonly name: string
  readonly region: string
  readonly provider: string
  readonly base_url: string
  readonly status: string
  readonly enabled: boolean
  readonly drain: boolean
  readonly version: string | null
  readonly models: readonly { readonly name: string }[]
  readonly health: { readonly circuit: string; readonly last_error: string | null; readonly probe_latency_ms: number | null; readonly recent_success_rate: number | null }
  readonly warnings?: readonly string[]
}

export const hostsList: Command = {
  name: 'hosts list',
  args: [],
  summary: 'hosts with their state and how many models they hold',
  async run({ api, show }) {
    const hosts = await api.list<Host>('/admin/hosts')
    const rows = hosts.map((host) => [host.name, host.region, host.provider, stateOf(host), String(host.models.length), host.base_url])
    show(hosts, rows.length > 0 ? table(['HOST', 'REGION', 'PROVIDER', 'STATE', 'MODELS', 'ADDRESS'], rows) : 'There is no host. `tollgate hosts add <name> --region <region> --url <address>` adds one.')
  },
}

/** What a host is doing, in one word. */
export function stateOf({ enabled, drain, status }: Host): string {
  if (!enabled) return 'disabled'
  return drain ? 'drain' : status
}

/** What the control plane still has to say after a change, each on a line of its own. */
export function warningsOf({ warnings = [] }: Host): string {
  return warnings.map((warning) => `\n${warning}`).join('')
}
