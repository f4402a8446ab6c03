import type { HostRecord } from '@tollgate/hosts'
import type { FaredModel, HealthView } from '@tollgate/hosts/health'
import { moneyText } from '../../fields.schema'
import type { HostOutcome } from '../../host-admin.service'
import { given } from '../tenants/tenant.wire'
import type { ChangeHostBody } from './host.schema'
import type { HostFacts } from './host-views'

/** A host as the wire has it. `loaded` is as the last probe heard it; null where the host does not say. */
export function hostWire(host: HostRecord, facts: HostFacts) {
  return {
    id: host.id,
    name: host.name,
    region: host.region,
    provider: host.provider,
    base_url: host.baseUrl,
    secret_last4: host.secretHint,
    secret_fingerprint: host.secretFingerprint,
    max_parallel: host.maxParallel,
    weight: host.weight,
    cost_per_hour: moneyText(host.costPerHourPico),
    vram_bytes: host.vramBytes,
    disk_bytes: host.diskBytes,
    enabled: host.isEnabled,
    drain: host.isDraining,
    is_sandbox: host.isSandbox,
    status: facts.status,
    version: host.version,
    open_to_all: host.isOpenToAll,
    health: healthWire(host, facts),
    last_probe: facts.lastProbe?.at ?? host.lastProbeAt,
    models: facts.held.map((model) => ({ name: model.model, upstream_name: model.upstreamName, digest: model.digest, size: model.sizeBytes, loaded: facts.loaded?.includes(model.model) ?? null })),
    created_at: host.createdAt,
    updated_at: host.updatedAt,
  }
}

/** How a host fares: its own circuit, and totals and circuit of each model. */
function healthWire(host: HostRecord, { status, health, models, lastProbe }: HostFacts) {
  return {
    status,
    last_error: host.lastError ?? health.lastError,
    probe_latency_ms: lastProbe?.latencyMs ?? null,
    ...circuitWire(health),
    ...totalsWire(models.flatMap(({ fared }) => fared ?? [])),
    models: models.map((model) => ({ name: model.name, last_error: model.lastError ?? model.fared?.lastError ?? null, ...circuitWire(model), ...totalsWire(model.fared ? [model.fared] : []) })),
  }
}

function circuitWire({ circuit, retryAt, isFlagged, recent, lastErrorAt }: HealthView) {
  const calls = recent.ok + recent.failed
  return { circuit, retry_at: retryAt, flagged: isFlagged, recent_requests: calls, recent_success_rate: calls === 0 ? null : Math.round((recent.ok / calls) * 10_000) / 10_000, last_error_at: lastErrorAt }
}

function totalsWire(fared: readonly FaredModel[]) {
  const sum = (of: (model: FaredModel) => number) => fared.reduce((total, model) => total + of(model), 0)
  const total = sum((model) => model.total)
  const lastUsedMs = Math.max(0, ...fared.map((model) => model.lastUsedMs))
  return { total, failed: sum((model) => model.failed), avg_latency_ms: total === 0 ? null : Math.round(sum((model) => model.latencyMs) / total), last_used: lastUsedMs === 0 ? null : new Date(lastUsedMs) }
}

/** The reply to adding, changing or probing: the host, what was found, and what the operator still has to do. */
export function outcomeWire({ host, discovery }: HostOutcome, facts: HostFacts) {
  if (!discovery) return { ...hostWire(host, facts), warnings: [] }
  const warnings = [
    ...(discovery.isReachable ? [] : [`Host ${host.name} did not answer (${host.lastError ?? 'unknown error'}) and stays in drain. Mend it, then POST /admin/hosts/${host.name}/probe.`]),
    ...(discovery.isOpenToAll && (host.secret !== null || !isLoopback(host.baseUrl)) ? [openToAll(host)] : []),
    ...(discovery.modelsWithoutPrice.length === 0 ? [] : [`These models have no price and cannot be served until POST /admin/prices adds one: ${discovery.modelsWithoutPrice.join(', ')}.`]),
    ...(discovery.modelsForwarded.length === 0 ? [] : [`Host ${host.name} forwards these models to a cloud (remote_host), outside of every region, so they are not served: ${discovery.modelsForwarded.join(', ')}.`]),
  ]
  return { ...hostWire(host, facts), serving: discovery.isServing, models_found: discovery.models, models_without_price: discovery.modelsWithoutPrice, models_forwarded: discovery.modelsForwarded, warnings }
}

/** An Ollama without a front is anybody's who reaches it (F60). On this machine only its own credential being ignored is worth a word. */
function openToAll({ name, secret }: HostRecord): string {
  const how = secret ? 'answers without its credential as well' : 'asks for no credential'
  return `Host ${name} ${how}: whoever reaches its address uses it past every limit. Put a front before it that demands one.`
}

function isLoopback(baseUrl: string): boolean {
  return /^(localhost|127\..*|\[::1\])$/.test(new URL(baseUrl).hostname)
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
    diskBytes: body.disk_bytes,
    isEnabled: body.enabled,
    drain: body.drain,
  })
}
