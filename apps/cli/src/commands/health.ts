import type { Call, Command } from '../command'
import { send } from '../http-exchange'
import { table } from '../table'
import { CliError } from '../terminal'
import { stateOf, type Host } from './hosts-list'

interface Plane {
  readonly plane: string
  readonly address: string
  readonly status: string
  readonly checks: Readonly<Record<string, string>>
}

export const health: Command = {
  name: 'health',
  args: [],
  summary: 'whether both planes and the hosts are well; exit code 1 when one is not',
  async run({ api, gateway, connection, show }) {
    const planes = [await planeOf('gateway', connection.gateway), ...(connection.server === connection.gateway ? [] : [await planeOf('control plane', connection.server)])]
    const hosts = await hostsOf({ api, gateway })
    const lines = planes.map(({ plane, address, status, checks }) => [plane, status, address, Object.entries(checks).map(([name, state]) => `${name} ${state}`).join(', ')])
    const shown = table(['PLANE', 'STATUS', 'ADDRESS', ''], lines)
    show({ planes, hosts }, hosts === null ? `${shown}\nNo log-in and no API key: hosts are not shown.` : `${shown}\n\n${hosts.length > 0 ? table(['HOST', 'REGION', 'STATE', 'CIRCUIT', 'PROBE ms', 'LAST ERROR'], hosts.map((host) => [host.name, host.region, host.state, host.circuit, String(host.latency_ms ?? ''), host.last_error ?? ''])) : 'There is no host.'}`)
    return planes.every(({ status }) => status === 'ready') && (hosts ?? []).every(({ state }) => state !== 'unhealthy')
  },
}

async function planeOf(plane: string, address: string): Promise<Plane> {
  const { status, text } = await send(address, { method: 'GET', path: '/readyz', token: null })
  try {
    return { plane, address, checks: {}, ...(JSON.parse(text) as { status: string }) }
  } catch {
    throw new CliError(`${address} answered ${status} and no JSON. Is this the address of Tollgate?`)
  }
}

/** As the operator sees them, otherwise as the key does; null = neither is known. */
async function hostsOf({ api, gateway }: Pick<Call, 'api' | 'gateway'>) {
  if (api.isSignedIn) return (await api.list<Host>('/admin/hosts')).map((host) => ({ name: host.name, region: host.region, state: stateOf(host), circuit: host.health.circuit, latency_ms: host.health.probe_latency_ms, last_error: host.health.last_error }))
  if (!gateway.hasKey) return null
  const { data } = await gateway.json<{ data: { hosts: { name: string; region: string; status: string; circuit: string; latency_ms: number | null }[] }[] }>('GET', '/v1/providers')
  return data.flatMap(({ hosts }) => hosts.map(({ name, region, status, circuit, latency_ms }) => ({ name, region, state: status, circuit, latency_ms, last_error: null })))
}
