import { Injectable } from '@nestjs/common'
import { Database, type Tx } from '@tollgate/platform/postgres'
import type { Price } from '@tollgate/pricing'
import type { BilledCall } from './domain/simulation'

/** A period `[fromMs, toMs)` by the start of calls, of one tenant or (null) of all. */
export interface CallPeriod {
  readonly fromMs: number
  readonly toMs: number
  readonly tenantId: string | null
}

const FETCH = 2_000
const TIMEOUT_MS = 600_000

interface CallRow {
  tenant_id: string
  slug: string | null
  tier: string | null
  currency: string | null
  model: string
  provider: string
  region: string
  started_at: Date
  status: string
  prompt_tokens: string
  completion_tokens: string
  cached_tokens: string
  cache_write_tokens: string
  reasoning_tokens: string
  usage_source: 'provider' | 'estimated'
  price_id: string | null
  amount_pico: string
  billed_pico: string
  gpu_ms: number
}

const CALLS = `DECLARE calls NO SCROLL CURSOR FOR
  SELECT u.tenant_id, t.slug, t.tier, t.currency, u.model, u.provider, u.region, u.started_at, u.status, u.prompt_tokens, u.completion_tokens, u.cached_tokens, u.cache_write_tokens,
    u.reasoning_tokens, u.usage_source, u.price_id, u.amount_pico,
    (SELECT coalesce(sum(l.delta_pico), 0)::text FROM ledger l WHERE l.day = u.day AND l.rid = u.rid) AS billed_pico,
    coalesce((SELECT a.duration_ms FROM provider_cost a WHERE a.day = u.day AND a.rid = u.rid AND a.attempt = u.attempts), u.duration_ms) AS gpu_ms
  FROM usage u LEFT JOIN tenant t ON t.id = u.tenant_id
  WHERE u.day BETWEEN (to_timestamp($1 / 1000.0) AT TIME ZONE 'UTC')::date AND (to_timestamp($2 / 1000.0) AT TIME ZONE 'UTC')::date
    AND u.started_at >= to_timestamp($1 / 1000.0) AND u.started_at < to_timestamp($2 / 1000.0) AND ($3::uuid IS NULL OR u.tenant_id = $3)`

/** Recorded calls and every price row, read for a simulation (role tg_admin). */
@Injectable()
export class SimulationStore {
  constructor(private readonly database: Database) {}

  /** Hands over the calls of a period, some at a time, as one instant has them. In no particular order. */
  async eachCall(period: CallPeriod, take: (calls: readonly BilledCall[]) => void): Promise<void> {
    await this.database.asPlatform(async (tx) => {
      await tx.query(`SET LOCAL statement_timeout = ${TIMEOUT_MS}`)
      await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ')
      const prices = await readPrices(tx)
      await tx.query(CALLS, [period.fromMs, period.toMs, period.tenantId])
      for (let count = FETCH; count === FETCH; ) {
        const rows = await tx.query<CallRow[]>(`FETCH ${FETCH} FROM calls`)
        take(rows.map((row) => callOf(row, prices)))
        count = rows.length
      }
    })
  }
}

async function readPrices(tx: Tx): Promise<Map<string, Price>> {
  const rows = await tx.query<Record<string, string | null>[]>(
    `SELECT id, book, model, provider, region, tier, tenant_id, (extract(epoch FROM effective_at) * 1000)::bigint::text AS effective, (extract(epoch FROM created_at) * 1000)::bigint::text AS created, currency,
       input_pico, output_pico, cached_input_pico, cache_write_pico, reasoning_pico, per_request_pico, gpu_second_pico, CASE WHEN is_free THEN 'yes' END AS free, source FROM price`,
  )
  return new Map(rows.map((row) => [row.id!, priceOf(row)]))
}

function priceOf(row: Record<string, string | null>): Price {
  const pico = (name: string) => (row[name] === null ? null : BigInt(row[name]!))
  return {
    id: row.id!,
    book: row.book as Price['book'],
    model: row.model!,
    provider: row.provider!,
    region: row.region!,
    tier: row.tier!,
    tenantId: row.tenant_id!,
    effectiveAtMs: Number(row.effective),
    createdAtMs: Number(row.created),
    currency: row.currency!,
    inputPico: pico('input_pico')!,
    outputPico: pico('output_pico')!,
    cachedInputPico: pico('cached_input_pico'),
    cacheWritePico: pico('cache_write_pico'),
    reasoningPico: pico('reasoning_pico'),
    perRequestPico: pico('per_request_pico')!,
    gpuSecondPico: pico('gpu_second_pico'),
    isFree: row.free !== null,
    source: row.source!,
  }
}

function callOf(row: CallRow, prices: ReadonlyMap<string, Price>): BilledCall {
  return {
    tenantId: row.tenant_id,
    tenant: row.slug ?? row.tenant_id,
    tier: row.tier ?? '',
    currency: row.currency ?? '',
    model: row.model,
    provider: row.provider,
    region: row.region,
    startedAtMs: row.started_at.getTime(),
    status: row.status,
    usage: {
      promptTokens: Number(row.prompt_tokens),
      completionTokens: Number(row.completion_tokens),
      cachedTokens: Number(row.cached_tokens),
      cacheWriteTokens: Number(row.cache_write_tokens),
      reasoningTokens: Number(row.reasoning_tokens),
      source: row.usage_source,
    },
    price: row.price_id === null ? null : (prices.get(row.price_id) ?? null),
    amountPico: BigInt(row.amount_pico),
    billedPico: BigInt(row.billed_pico),
    gpuMs: row.gpu_ms,
  }
}
