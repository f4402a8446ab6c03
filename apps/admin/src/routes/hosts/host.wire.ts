import type { FleetAdminService, HostRecord } from '@tollgate/hosts'
import { moneyText } from '../../fields.schema'
import type { HostOutcome } from '../../host-admin.service'
import { given } from '../tenants/tenant.wire'
import type { ChangeHostBody } from './host.schema'

type Held = NonNullable<ReturnType<Awaited<ReturnType<FleetAdminService['held']>>['get']>>

/** A host as the wire has it. `loaded` is null: probes do not ask what is in memory. */
export function hostWire(host: HostRecord, held: Held) {
  return {
    id: host.id,
    name: host.name,
    region: host.region,
    provider: host.provider,
    base_url: host.baseUrl,
    secret_last4: host.secretHint,
    max_parallel: host.maxParallel,
    weight: host.weight,
    cost_per_hour: moneyText(host.costPerHourPico),
    vram_bytes: host.vramBytes,
    enabled: host.isEnabled,
    drain: host.isDraining,
    is_sandbox: host.isSandbox,
    status: host.status,
    version: host.version,
    health: { status: host.status, last_error: host.lastError },
    last_probe: host.lastProbeAt,
    models: held.map((model) => ({ name: model.model, upstream_name: model.upstreamName, digest: model.digest, size: model.sizeBytes, loaded: null })),
    created_at: host.createdAt,
    updated_at: host.updatedAt,
  }
}

/** The reply to adding, changing or probing: the host, what was found, and what the operator still has to do. */
export function outcomeWire({ host, discovery }: HostOutcome, held: Held) {
  if (!discovery) return { ...hostWire(host, held), warnings: [] }
  const warnings = [
    ...(discovery.isReachable ? [] : [`Host ${host.name} did not answer (${host.lastError ?? 'unknown error'}) and stays in drain. Mend it, then POST /admin/hosts/${host.name}/probe.`]),
    ...(discovery.modelsWithoutPrice.length === 0 ? [] : [`These models have no price and cannot be served until POST /admin/prices adds one: ${discovery.modelsWithoutPrice.join(', ')}.`]),
  ]
  return { ...hostWire(host, held), serving: discovery.isServing, models_found: discovery.models, models_without_price: discovery.modelsWithoutPrice, warnings }
}

/** Fields of a body in the domain's names; what the body leaves out is left out. */
export function hostFields(body: ChangeHostBody) {
  return given({
    region: body.region,
    baseUrl: body.base_url,
    secret: body.secret,
    maxParallel: body.max_parallel,
    weight: body.weight,
    costPerHourPico: body.cost_per_hour,
    vramBytes: body.vram_bytes,
    isEnabled: body.enabled,
    drain: body.drain,
  })
}
