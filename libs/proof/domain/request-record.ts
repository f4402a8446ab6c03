import { decimalFromPico, perMillionFromPico } from '@tollgate/kernel'

/** An attempt at an upstream, as provider_cost keeps it. `outcome` is a failure class or `completed`, then the cause. */
export interface RecordedAttempt {
  readonly attempt: number
  readonly host: string
  readonly provider: string
  readonly region: string
  readonly model: string
  readonly outcome: string
  readonly duration_ms: number
  readonly cost_pico: string | null
}

/** The price row a call was billed by. Amounts are pico of `currency` as text. */
export interface RecordedPrice {
  readonly id: string
  readonly book: string
  readonly model: string
  readonly provider: string | null
  readonly region: string | null
  readonly tier: string | null
  readonly effective_at: string
  readonly currency: string
  readonly input_pico: string
  readonly output_pico: string
  readonly cached_input_pico: string | null
  readonly cache_write_pico: string | null
  readonly reasoning_pico: string | null
  readonly per_request_pico: string
  readonly gpu_second_pico: string | null
  readonly is_free: boolean
  readonly source: string
}

/** All that is kept of one request: its usage row, attempts, price row and ledger rows. No content is among it. */
export interface RequestRecord {
  readonly rid: string
  readonly tenant_id: string
  readonly tenant_slug: string | null
  readonly currency: string | null
  readonly project_id: string | null
  readonly key_id: string
  readonly started_at: Date
  readonly surface: string
  readonly requested_model: string
  readonly model: string
  readonly provider: string
  readonly region: string
  readonly host: string
  readonly model_digest: string | null
  /** Null for calls that went nowhere and those recorded before residency was. */
  readonly allowed_regions: readonly string[] | null
  readonly status: string
  readonly finish_reason: string | null
  readonly error_code: string | null
  readonly is_stream: boolean
  readonly amount_pico: string
  readonly prompt_tokens: string
  readonly completion_tokens: string
  readonly cached_tokens: string
  readonly cache_write_tokens: string
  readonly reasoning_tokens: string
  readonly usage_source: string
  readonly raw_usage: string | null
  readonly flags: readonly string[]
  readonly duration_ms: number
  readonly first_event_ms: number | null
  readonly recorded_at: Date
  readonly attempts: readonly RecordedAttempt[]
  readonly price: RecordedPrice | null
  /** The request that this call is one of several for, by the id of their first; null = it is the whole request. */
  readonly parent_rid: string | null
  /** Of the first of several: all of them, itself included. */
  readonly children: readonly { readonly id: string; readonly model: string; readonly status: string; readonly cost_pico: string }[] | null
  readonly ledger: readonly { readonly rank: number; readonly delta_pico: string; readonly recorded_at: string }[]
}

const DAY_MS = 86_400_000
const LAST_MS = Date.UTC(9999, 0)

/**
 * The UTC days a request id may be booked under: the day of its own time (UUIDv7), the one before, since Redis fixes the
 * day and a gateway's clock the id, and two after, since a call under an `Idempotency-Key` may run a day later under the
 * id that the key was given. Empty for an id that no gateway makes.
 */
export function daysOfRequest(rid: string): string[] {
  const ms = parseInt(rid.slice(0, 8) + rid.slice(9, 13), 16)
  if (rid[14] !== '7' || !(ms < LAST_MS)) return []
  return [-1, 0, 1, 2].map((step) => new Date(ms + step * DAY_MS).toISOString().slice(0, 10))
}

/** A record as its tenant sees it: attempts without their causes, which speak of the operator's network, and without cost. */
export function tenantRecord(record: RequestRecord) {
  const attempts = record.attempts.map(({ cost_pico: _cost, outcome, ...attempt }) => ({ ...attempt, outcome: outcome.split(':')[0]! }))
  return { ...recordWire(record), attempts }
}

/** A record as operators see it: with tenant, project, key, causes, and what each attempt cost. */
export function operatorRecord(record: RequestRecord) {
  const attempts = record.attempts.map(({ cost_pico, ...attempt }) => ({ ...attempt, cost: cost_pico === null ? null : decimalFromPico(BigInt(cost_pico)) }))
  return { ...recordWire(record), tenant: { id: record.tenant_id, slug: record.tenant_slug }, project_id: record.project_id, key_id: record.key_id, attempts }
}

function recordWire(record: RequestRecord) {
  const [prompt, completion] = [Number(record.prompt_tokens), Number(record.completion_tokens)]
  const usage = {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    cached_tokens: Number(record.cached_tokens),
    cache_write_tokens: Number(record.cache_write_tokens),
    reasoning_tokens: Number(record.reasoning_tokens),
    source: record.usage_source,
  }
  const { surface, requested_model, model, provider, region, host, model_digest, allowed_regions, status, finish_reason, error_code, duration_ms, first_event_ms, flags } = record
  return {
    id: record.rid,
    started_at: record.started_at.toISOString(),
    ...{ surface, requested_model, model, provider, region, host, model_digest, allowed_regions, status, finish_reason, error_code },
    stream: record.is_stream,
    usage,
    raw_usage: rawUsage(record.raw_usage),
    cost: decimalFromPico(BigInt(record.amount_pico)),
    currency: record.currency ?? record.price?.currency ?? null,
    price: record.price && priceWire(record.price),
    parent_id: record.parent_rid,
    children: record.children && childrenWire(record.children),
    ...{ duration_ms, first_event_ms, flags },
    ledger: record.ledger.map(({ rank, delta_pico, recorded_at }) => ({ rank, delta: decimalFromPico(BigInt(delta_pico)), recorded_at })),
  }
}

/** The calls one request was made of: its bill is their sum. */
function childrenWire(children: NonNullable<RequestRecord['children']>) {
  const requests = children.map(({ cost_pico, ...child }) => ({ ...child, cost: decimalFromPico(BigInt(cost_pico)) }))
  return { cost: decimalFromPico(children.reduce((sum, { cost_pico }) => sum + BigInt(cost_pico), 0n)), requests }
}

/** The provider's own object; kept as JSON text, which is shown as it is where it is none. */
function rawUsage(text: string | null): unknown {
  if (text === null) return null
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

function priceWire(price: RecordedPrice) {
  const perMillion = (pico: string | null) => (pico === null ? null : perMillionFromPico(BigInt(pico)))
  const { id, book, model, provider, region, tier, currency, source } = price
  return {
    ...{ id, book, model, provider, region, tier, currency },
    effective_at: new Date(price.effective_at).toISOString(),
    input_per_million: perMillion(price.input_pico),
    output_per_million: perMillion(price.output_pico),
    cached_input_per_million: perMillion(price.cached_input_pico),
    cache_write_per_million: perMillion(price.cache_write_pico),
    reasoning_per_million: perMillion(price.reasoning_pico),
    per_request: decimalFromPico(BigInt(price.per_request_pico)),
    gpu_second: price.gpu_second_pico === null ? null : decimalFromPico(BigInt(price.gpu_second_pico)),
    free: price.is_free,
    source,
  }
}
