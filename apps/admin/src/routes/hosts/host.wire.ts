import type { HostRecord } from '@tollgate/hosts'
import type { FaredModel, HealthView } from '@tollgate/hosts/health'
import { instantReply, moneyReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import { moneyText } from '../../fields.schema'
import type { HostOutcome } from '../../host-admin.service'
import { given } from '../tenants/tenant.wire'
import type { ChangeHostBody } from './host.schema'
import type { HostFacts } from './host-views'

const circuitReply = z.strictObject({
  circuit: z.enum(['closed', 'open', 'half_open', 'slow_start']),
  retry_at: instantReply.nullable().meta({ description: 'When an open circuit is tried next' }),
  flagged: z.boolean(),
  recent_requests: z.int().meta({ description: 'Of the last five minutes' }),
  recent_success_rate: z.number().min(0).max(1).nullable(),
  last_error_at: instantReply.nullable(),
})

const totalsReply = z.strictObject({ total: z.int(), failed: z.int(), avg_latency_ms: z.int().nullable(), last_used: instantReply.nullable() })

const hostStatus = z.enum(['unknown', 'healthy', 'degraded', 'unhealthy'])

const hostHealthReply = z
  .strictObject({
    status: hostStatus,
    last_error: z.string().nullable(),
    probe_latency_ms: z.int().nullable(),
    ...circuitReply.shape,
    ...totalsReply.shape,
    models: z.array(z.strictObject({ name: z.string(), last_error: z.string().nullable(), ...circuitReply.shape, ...totalsReply.shape })),
  })
  .meta({ id: 'HostHealth' })

/** A host as the wire has it. `loaded` is as the last probe heard it; null where the host does not say. */
export const hostReply = z
  .strictObject({
    id: z.uuid(),
    name: z.string(),
    region: z.string(),
    provider: z.string(),
    base_url: z.string(),
    secret_last4: z.string().nullable().meta({ description: 'Null: there is no secret; empty: it is too short to show any of it' }),
    secret_fingerprint: z.string().nullable().meta({ description: 'The beginning of its SHA-256' }),
    max_parallel: z.int(),
    weight: z.int(),
    cost_per_hour: moneyReply.nullable(),
    vram_bytes: z.int().nullable(),
    disk_bytes: z.int().nullable(),
    enabled: z.boolean(),
    drain: z.boolean(),
    is_sandbox: z.boolean(),
    status: hostStatus,
    version: z.string().nullable(),
    open_to_all: z.boolean().nullable().meta({ description: 'It answers without its credential as well; null: not asked yet' }),
    health: hostHealthReply,
    last_probe: instantReply.nullable(),
    models: z.array(z.strictObject({ name: z.string(), upstream_name: z.string(), digest: z.string().nullable(), size: z.int().nullable().meta({ description: 'Bytes' }), loaded: z.boolean().nullable() })),
    created_at: instantReply,
    updated_at: instantReply,
  })
  .meta({ id: 'Host' })

export function hostWire(host: HostRecord, facts: HostFacts): z.output<typeof hostReply> {
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
function healthWire(host: HostRecord, { status, health, models, lastProbe }: HostFacts): z.output<typeof hostHealthReply> {
  return {
    status,
    last_error: host.lastError ?? health.lastError,
    probe_latency_ms: lastProbe?.latencyMs ?? null,
    ...circuitWire(health),
    ...totalsWire(models.flatMap(({ fared }) => fared ?? [])),
    models: models.map((model) => ({ name: model.name, last_error: model.lastError ?? model.fared?.lastError ?? null, ...circuitWire(model), ...totalsWire(model.fared ? [model.fared] : []) })),
  }
}

function circuitWire({ circuit, retryAt, isFlagged, recent, lastErrorAt }: HealthView): z.output<typeof circuitReply> {
  const calls = recent.ok + recent.failed
  return { circuit, retry_at: retryAt, flagged: isFlagged, recent_requests: calls, recent_success_rate: calls === 0 ? null : Math.round((recent.ok / calls) * 10_000) / 10_000, last_error_at: lastErrorAt }
}

function totalsWire(fared: readonly FaredModel[]): z.output<typeof totalsReply> {
  const sum = (of: (model: FaredModel) => number) => fared.reduce((total, model) => total + of(model), 0)
  const total = sum((model) => model.total)
  const lastUsedMs = Math.max(0, ...fared.map((model) => model.lastUsedMs))
  return { total, failed: sum((model) => model.failed), avg_latency_ms: total === 0 ? null : Math.round(sum((model) => model.latencyMs) / total), last_used: lastUsedMs === 0 ? null : new Date(lastUsedMs) }
}

/** The reply to adding, changing or probing: the host, what was found, and what the operator still has to do. */
export const outcomeReply = hostReply
  .extend({
    serving: z.boolean().optional().meta({ description: 'This and what was found are absent where the change needed no probe' }),
    models_found: z.array(z.string()).readonly().optional(),
    models_without_price: z.array(z.string()).readonly().optional(),
    models_forwarded: z.array(z.string()).readonly().optional(),
    warnings: z.array(z.string()),
  })
  .meta({ id: 'HostOutcome' })

export function outcomeWire({ host, discovery }: HostOutcome, facts: HostFacts): z.output<typeof outcomeReply> {
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
