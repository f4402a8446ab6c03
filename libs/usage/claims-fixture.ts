import { Client } from 'pg'
import { uuidv7 } from '@tollgate/kernel'
import { Database } from '@tollgate/platform/postgres'
import { createDatabase, type TestDatabase } from '../../test/support'
import { ClaimStore } from './claim.store'
import { UsageService } from './usage.service'
import type { UsageClaim } from './domain/claim'

/** The day of claims in specs: inside a partition that every migrated database has. */
export const TODAY = new Date().toISOString().slice(0, 10)
export const PERIOD = 'month:now'

/** What a database says of a tenant: sums that must agree at every commit. */
export interface Books {
  readonly rows: number
  readonly usage: bigint
  readonly ledger: bigint
  readonly hourly: bigint
  readonly daily: bigint
  readonly spent: bigint
  readonly requests: number
}

/** For specs: a database with tenants in it, the worker's and the gateway's way into `apply_claims`, and its books. */
export class ClaimsFixture {
  private count = 0

  private constructor(
    readonly database: TestDatabase,
    readonly owner: Client,
    readonly worker: Database,
    readonly gateway: Database,
    readonly store: ClaimStore,
    readonly service: UsageService,
  ) {}

  static async start(): Promise<ClaimsFixture> {
    const database = await createDatabase()
    const owner = new Client({ connectionString: database.ownerUrl })
    await owner.connect()
    const worker = await Database.connect({ url: database.workerUrl, role: 'tg_worker', entities: [], poolSize: 5 })
    const gateway = await Database.connect({ url: database.appUrl, role: 'tg_app', entities: [], poolSize: 5 })
    const store = new ClaimStore(worker)
    let ids = 0
    const service = new UsageService(store, { uuid: () => uuidv7(++ids, new Uint8Array(10)), bytes: (length) => Buffer.alloc(length) })
    return new ClaimsFixture(database, owner, worker, gateway, store, service)
  }

  async stop(): Promise<void> {
    await Promise.all([this.worker.close(), this.gateway.close()])
    await this.owner.end()
    await this.database.drop()
  }

  uuid(): string {
    this.count++
    return uuidv7(1_760_000_000_000 + this.count, new Uint8Array(10).fill(this.count % 256))
  }

  /** A tenant with one open budget period. */
  async tenant(currency = 'USD'): Promise<string> {
    const id = this.uuid()
    await this.owner.query(`INSERT INTO tenant (id, slug, name, tier, home_region, allowed_regions, bucket, currency) VALUES ($1, $2, 'x', 'standard', 'us-east', '{us-east}', 0, $3)`, [id, `t-${id}`, currency])
    await this.owner.query(`INSERT INTO budget_period (tenant_id, scope, period, starts_at, ends_at) VALUES ($1, 'tenant', $2, '2020-01-01', '2100-01-01')`, [id, PERIOD])
    return id
  }

  claim(tenantId: string, over: Partial<Record<keyof UsageClaim, unknown>> = {}): UsageClaim {
    return {
      tenant_id: tenantId, day: TODAY, rid: this.uuid(), rank: 1, amount_pico: '1000', budgets: [`tenant|${PERIOD}`], project_id: null, key_id: tenantId, surface: 'chat', requested_model: 'phi3', model: 'phi3',
      provider: 'ollama', region: 'us-east', host: 'h', status: 'completed', error_code: null, finish_reason: 'stop', is_stream: false, prompt_tokens: 10, completion_tokens: 20, cached_tokens: 1, cache_write_tokens: 0,
      reasoning_tokens: 2, usage_source: 'provider', raw_usage: null, flags: [], price_id: null, duration_ms: 30, first_event_ms: null, attempts: 1, started_at: `${TODAY}T00:00:01Z`,
      provider_attempts: [{ attempt: 1, host: 'h', provider: 'ollama', region: 'us-east', model: 'phi3', outcome: 'completed', duration_ms: 5, cost_pico: null }], ...over,
    } as UsageClaim
  }

  /** Lines in which a rollup is not the fold of usage, ledger and provider_cost (of all tenants: of tenants' hours), all read in one moment; none, if all is well. */
  async wrongRollups(tenantId: string): Promise<unknown[]> {
    const { rows } = await this.owner.query(
      `WITH truth AS (
         SELECT u.started_at, ${KEYS}, u.provider, u.region, u.host, 1 AS requests, (u.status = 'failed')::int AS failures, u.prompt_tokens, u.completion_tokens, u.cached_tokens, u.reasoning_tokens,
           (SELECT sum(l.delta_pico) FROM ledger l WHERE l.day = u.day AND l.rid = u.rid) AS cost_pico, u.duration_ms::bigint, duration_count(u.duration_ms) AS durations, 0 AS attempts, 0 AS uncosted_attempts, 0 AS provider_cost_pico
         FROM usage u WHERE u.tenant_id = $1
         UNION ALL SELECT u.started_at, ${KEYS}, a.provider, a.region, a.host, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, (a.cost_pico IS NULL)::int, coalesce(a.cost_pico, 0)
         FROM provider_cost a JOIN usage u ON u.day = a.day AND u.rid = a.rid WHERE a.tenant_id = $1)
       SELECT * FROM (${['hour', 'day', 'month', 'key', 'model', 'total'].map((unit) => `(${fold(unit)} EXCEPT ${stored(unit)}) UNION ALL (${stored(unit)} EXCEPT ${fold(unit)})`).join(' UNION ALL ')}
         UNION ALL (${ALL_TENANTS[0]} EXCEPT ${ALL_TENANTS[1]}) UNION ALL (${ALL_TENANTS[1]} EXCEPT ${ALL_TENANTS[0]})) wrong`,
      [tenantId],
    )
    return rows
  }

  async books(tenantId: string): Promise<Books> {
    const sum = (column: string, table: string) => `(SELECT coalesce(sum(${column}), 0)::text FROM ${table} WHERE tenant_id = $1)`
    const { rows } = await this.owner.query<Record<string, string>>(
      `SELECT ${sum('1', 'usage')} AS rows, ${sum('amount_pico', 'usage')} AS usage, ${sum('delta_pico', 'ledger')} AS ledger, ${sum('cost_pico', 'usage_hourly')} AS hourly,
         ${sum('cost_pico', 'usage_daily')} AS daily, ${sum('spent_pico', 'budget_period')} AS spent, ${sum('requests', 'usage_hourly')} AS requests`,
      [tenantId],
    )
    const row = rows[0]!
    return { rows: Number(row.rows), usage: BigInt(row.usage!), ledger: BigInt(row.ledger!), hourly: BigInt(row.hourly!), daily: BigInt(row.daily!), spent: BigInt(row.spent!), requests: Number(row.requests) }
  }
}

const FOLDED = ['requests', 'failures', 'prompt_tokens', 'completion_tokens', 'cached_tokens', 'reasoning_tokens', 'cost_pico', 'duration_ms', 'durations', 'attempts', 'uncosted_attempts', 'provider_cost_pico']
const KEYS = `coalesce(u.project_id, '00000000-0000-0000-0000-000000000000') AS project_id, u.key_id, u.model`

/** Hours of all tenants: as their own add up, and as they are stored. */
const ALL_TENANTS = ['usage_tenant_hourly r JOIN tenant t ON t.id = r.tenant_id', 'usage_total_hourly r'].map(
  (source) => `SELECT 'all', r.hour, currency, '', '', '', '', '', ${FOLDED.map((name) => `sum(r.${name})::numeric`).join(', ')} FROM ${source} GROUP BY 2, 3 HAVING sum(r.requests) + sum(r.attempts) > 0`,
)

/** The books of so many rows that add up to an amount, every sum in agreement. */
export function balanced(rows: number, amount: bigint): Books {
  return { rows, usage: amount, ledger: amount, hourly: amount, daily: amount, spent: amount, requests: rows }
}

const ALL_COLUMNS = ['project_id::text', 'key_id::text', 'model', 'provider', 'region', 'host']
/** Columns by which a rollup tells calls apart beside the time, where it has not all of them. */
const COLUMNS: Readonly<Record<string, readonly string[]>> = { key: ['project_id::text', 'key_id::text'], model: ['model'], total: [] }
const columnsOf = (unit: string) => ALL_COLUMNS.map((name) => ((COLUMNS[unit] ?? ALL_COLUMNS).includes(name) ? name : "''")).join(', ')

function fold(unit: string): string {
  return `SELECT '${unit}' AS unit, date_trunc('${{ total: 'hour', key: 'month', model: 'day' }[unit] ?? unit}', started_at, 'UTC') AS at, ${columnsOf(unit)}, ${FOLDED.map((name) => `sum(${name})::numeric AS ${name}`).join(', ')} FROM truth GROUP BY 1, 2, 3, 4, 5, 6, 7, 8`
}

/** Groups that only corrections left behind are all zeros, and no fold of anything. */
function stored(unit: string): string {
  const [table, time] = { hour: ['usage_hourly', 'hour'], day: ['usage_daily', 'day'], month: ['usage_monthly', 'month'], key: ['usage_key_monthly', 'month'], model: ['usage_model_daily', 'day'], total: ['usage_tenant_hourly', 'hour'] }[unit]!
  return `SELECT '${unit}', ${time}, ${columnsOf(unit)}, ${FOLDED.map((name) => `${name}::numeric`).join(', ')} FROM ${table} WHERE tenant_id = $1 AND requests + attempts > 0`
}
