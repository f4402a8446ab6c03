import { Redis } from 'ioredis'
import type { Client } from 'pg'

/** Reports from this day on hold all of a spec, also of one that runs over a month's end. */
export const yesterday = () => new Date(Date.now() - 86_400_000).toISOString().slice(0, 10)

/** What is left behind in Redis once nothing runs: all zeros, and every budget as Postgres has it. */
export interface Rest {
  readonly reserved: number
  readonly unconfirmed: number
  readonly inFlight: number
  readonly leases: number
  readonly holds: number
  readonly queued: number
  /** Budgets whose confirmed sum is not the one Postgres has spent. */
  readonly wrongBudgets: string[]
}

export const AT_REST: Rest = { reserved: 0, unconfirmed: 0, inFlight: 0, leases: 0, holds: 0, queued: 0, wrongBudgets: [] }

/** Reads Redis and compares budgets with Postgres (I9). */
export async function restOf(redisUrl: string, owner: Client): Promise<Rest> {
  const redis = new Redis(redisUrl)
  const rest = { reserved: 0, unconfirmed: 0, inFlight: 0, leases: 0, holds: 0, queued: 0, wrongBudgets: [] as string[] }
  try {
    for (const key of await redis.keys('{b*')) {
      const name = key.slice(6)
      if (name === 'lease') rest.leases += await redis.zcard(key)
      else if (name === 'hold') rest.holds += await redis.zcard(key)
      else if (name === 'out') rest.queued += await redis.xlen(key)
      else if (name === 'un') rest.unconfirmed += await redis.hlen(key)
      else if (name.startsWith('lim:')) rest.inFlight += Number((await redis.hget(key, 'c')) ?? 0)
      else if (name.startsWith('bud:')) await addBudget(redis, key, owner, rest)
    }
  } finally {
    redis.disconnect()
  }
  return rest
}

async function addBudget(redis: Redis, key: string, owner: Client, rest: { reserved: number; unconfirmed: number; wrongBudgets: string[] }): Promise<void> {
  const [, tenantId, scope, period] = /:bud:([^:]+):(.+):((?:day|week|month):[^:]+|always)$/.exec(key)!
  const hash = await redis.hgetall(key)
  rest.reserved += Number(hash.resv ?? 0)
  rest.unconfirmed += Number(hash.unconf ?? 0)
  const { rows } = await owner.query('SELECT ceil(spent_pico / 1000)::text AS nano FROM budget_period WHERE tenant_id = $1 AND scope = $2 AND period = $3', [tenantId, scope, period])
  // What a wiped Redis has not loaded again says nothing; the next admission loads it.
  if (hash.loaded === undefined && hash.conf === undefined) return
  if (rows.length > 0 && hash.conf !== rows[0].nano) rest.wrongBudgets.push(`${key}: ${hash.conf} in Redis, ${rows[0].nano} in Postgres`)
}

/** Sums of a tenant that must be one and the same figure (I8). */
export async function sumsOf(owner: Client, tenantId: string): Promise<{ usage: string; ledger: string; hourly: string; daily: string }> {
  const sum = (column: string, table: string) => `(SELECT coalesce(sum(${column}), 0)::text FROM ${table} WHERE tenant_id = $1)`
  const { rows } = await owner.query(`SELECT ${sum('amount_pico', 'usage')} AS usage, ${sum('delta_pico', 'ledger')} AS ledger, ${sum('cost_pico', 'usage_hourly')} AS hourly, ${sum('cost_pico', 'usage_daily')} AS daily`, [tenantId])
  return rows[0]
}

/** What the books say of a request id. `rows` of usage and `postings` in the ledger, on whatever days. */
export interface Billed {
  readonly pico: bigint
  readonly rows: number
  readonly postings: number
  readonly status: string
  readonly source: string
  readonly completionTokens: number
}

/** What is billed, by request id. */
export async function ledgerOf(owner: Client, tenantId: string): Promise<Map<string, Billed>> {
  const { rows } = await owner.query<Record<string, string>>(
    `SELECT rid::text, coalesce(pico, 0)::text AS pico, coalesce(postings, 0)::text AS postings, coalesce(rows, 0)::text AS rows, coalesce(status, '') AS status, coalesce(source, '') AS source, coalesce(tokens, 0)::text AS tokens
     FROM (SELECT rid, count(*) AS rows, max(status) AS status, max(usage_source) AS source, max(completion_tokens) AS tokens FROM usage WHERE tenant_id = $1 GROUP BY rid) u
     FULL JOIN (SELECT rid, count(*) AS postings, sum(delta_pico) AS pico FROM ledger WHERE tenant_id = $1 GROUP BY rid) l USING (rid)`,
    [tenantId],
  )
  return new Map(rows.map((row) => [row.rid!, { pico: BigInt(row.pico!), rows: Number(row.rows), postings: Number(row.postings), status: row.status!, source: row.source!, completionTokens: Number(row.tokens) }]))
}

/** As if half a minute had gone by since a dead worker read its last claims: another one takes them over then. */
export async function ageAbandonedClaims(redisUrl: string): Promise<void> {
  const redis = new Redis(redisUrl)
  for (const stream of await redis.keys('*:out')) {
    const pending = (await redis.xpending(stream, 'settle', '-', '+', 1_000)) as [id: string, consumer: string, idleMs: number, deliveries: number][]
    for (const [id, consumer] of pending) await redis.xclaim(stream, 'settle', consumer, 0, id, 'IDLE', 60_000, 'JUSTID')
  }
  redis.disconnect()
}
