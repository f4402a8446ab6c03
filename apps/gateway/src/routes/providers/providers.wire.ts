import type { Host } from '@tollgate/hosts'
import type { HealthView } from '@tollgate/hosts/health'

/** A host as a tenant sees it: no address, no error text of the host's own. */
export interface HostOfProvider {
  readonly host: Host
  readonly status: Host['status']
  readonly lastCheck: { readonly atMs: number; readonly latencyMs: number } | null
  readonly view: HealthView
  readonly models: readonly string[]
}

/** One provider with its hosts; as well as the best of them. */
export function providerEntry(provider: string, hosts: readonly HostOfProvider[]) {
  const checks = hosts.flatMap(({ lastCheck }) => lastCheck ?? [])
  const lastMs = Math.max(0, ...checks.map(({ atMs }) => atMs))
  return {
    provider,
    status: bestOf(hosts.map(({ status }) => status)),
    regions: [...new Set(hosts.map(({ host }) => host.region))].sort(),
    last_check: lastMs === 0 ? null : new Date(lastMs),
    latency_ms: checks.length === 0 ? null : Math.min(...checks.map(({ latencyMs }) => latencyMs)),
    hosts: hosts.map(hostEntry),
  }
}

function hostEntry({ host, status, lastCheck, view, models }: HostOfProvider) {
  const calls = view.recent.ok + view.recent.failed
  return {
    name: host.name,
    region: host.region,
    status,
    circuit: view.circuit,
    last_check: lastCheck && new Date(lastCheck.atMs),
    latency_ms: lastCheck?.latencyMs ?? null,
    recent_requests: calls,
    recent_success_rate: calls === 0 ? null : Math.round((view.recent.ok / calls) * 10_000) / 10_000,
    models: models.length,
  }
}

function bestOf(statuses: readonly Host['status'][]): Host['status'] {
  return (['healthy', 'degraded', 'unknown', 'unhealthy'] as const).find((status) => statuses.includes(status)) ?? 'unhealthy'
}
