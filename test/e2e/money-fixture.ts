import { Redis } from 'ioredis'
import type { Client } from 'pg'
import type { SandboxHost } from '../../apps/sandbox/src'
import { findRedisServer, startPrivateRedis } from '../../libs/platform/embedded'
import { redisTargets, tempFolder, type Stack } from '../support'

/** Prices of a stack (test/support/stack.ts), in pico a token. */
export const PRICE = { input: 1_000_000n, output: 2_000_000n }

/** One Redis a money spec runs on, made when asked for. */
export interface MoneyRedis {
  readonly name: string
  /** Usage goes through the outbox; otherwise every settlement is a Postgres commit. */
  readonly isOutbox: boolean
  readonly isInProcess: boolean
  start(): Promise<{ url: string; stop(): Promise<void> }>
}

/** The shared servers, which have no append-only file (strict durability), and a real one of our own that has. */
export function moneyRedises(): MoneyRedis[] {
  const shared = redisTargets().map(({ kind, url }): MoneyRedis => ({ name: `${kind}, strict`, isOutbox: false, isInProcess: kind === 'js-redis-server', start: () => Promise.resolve({ url, stop: () => Promise.resolve() }) }))
  const own: MoneyRedis = {
    name: 'a real server with append-only file, outbox',
    isOutbox: true,
    isInProcess: false,
    start: async () => {
      const folder = tempFolder()
      const redis = await startPrivateRedis({ dir: folder.path, kind: 'server', appendOnly: true })
      return { url: redis.url, stop: () => redis.kill().then(() => folder.remove()) }
    },
  }
  return findRedisServer() ? [...shared, own] : shared
}

/** The most a call may cost, as the gateway reserves it: every byte of the body a token, and the template's. */
export function mostPico(body: object, maxTokens: number, price: { input: bigint; output: bigint } = PRICE): bigint {
  return BigInt(Buffer.byteLength(JSON.stringify(body)) + 16 + 64) * price.input + BigInt(maxTokens) * price.output
}

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
  const [, tenantId, scope, period] = /:bud:([^:]+):(.+):((?:day|week|month):[^:]+)$/.exec(key)!
  const hash = await redis.hgetall(key)
  rest.reserved += Number(hash.resv ?? 0)
  rest.unconfirmed += Number(hash.unconf ?? 0)
  const { rows } = await owner.query('SELECT ceil(spent_pico / 1000)::text AS nano FROM budget_period WHERE tenant_id = $1 AND scope = $2 AND period = $3', [tenantId, scope, period])
  if (rows.length > 0 && hash.conf !== rows[0].nano) rest.wrongBudgets.push(`${key}: ${hash.conf} in Redis, ${rows[0].nano} in Postgres`)
}

/** Sums of a tenant that must be one and the same figure (I8). */
export async function sumsOf(owner: Client, tenantId: string): Promise<{ usage: string; ledger: string; hourly: string; daily: string }> {
  const sum = (column: string, table: string) => `(SELECT coalesce(sum(${column}), 0)::text FROM ${table} WHERE tenant_id = $1)`
  const { rows } = await owner.query(`SELECT ${sum('amount_pico', 'usage')} AS usage, ${sum('delta_pico', 'ledger')} AS ledger, ${sum('cost_pico', 'usage_hourly')} AS hourly, ${sum('cost_pico', 'usage_daily')} AS daily`, [tenantId])
  return rows[0]
}

/** What is billed, by request id, with how often a usage row exists for it. */
export async function ledgerOf(owner: Client, tenantId: string): Promise<Map<string, { pico: bigint; rows: number; status: string }>> {
  const { rows } = await owner.query<{ rid: string; pico: string; rows: string; status: string }>(
    `SELECT u.rid::text, (SELECT coalesce(sum(delta_pico), 0) FROM ledger l WHERE l.rid = u.rid)::text AS pico, count(*)::text AS rows, max(u.status) AS status FROM usage u WHERE u.tenant_id = $1 GROUP BY u.rid`,
    [tenantId],
  )
  return new Map(rows.map((row) => [row.rid, { pico: BigInt(row.pico), rows: Number(row.rows), status: row.status }]))
}

/** What upstreams produced, in pico, by request id; more than one attempt adds up in `all`, `last` is the one that served. */
export class UpstreamTruth {
  private readonly entries = new Map<string, { host: string; seq: number; isWhole: boolean; pico: bigint }[]>()

  constructor(readonly price: { input: bigint; output: bigint } = PRICE) {}

  /** Reads the hosts' logs; call it often enough that no host makes more than a thousand requests in between. */
  read(hosts: readonly SandboxHost[]): void {
    for (const host of hosts) {
      for (const entry of host.log()) {
        if (entry.method !== 'POST' || entry.request_id === null || entry.end === null) continue
        const known = this.entries.get(entry.request_id) ?? []
        if (known.some((one) => one.host === entry.host && one.seq === entry.seq)) continue
        const isCounted = entry.end !== 'refused' && entry.end !== 'dropped'
        const tokens = Math.max(entry.completion_tokens, entry.generated_tokens)
        known.push({ host: entry.host, seq: entry.seq, isWhole: entry.end === 'completed', pico: isCounted ? BigInt(entry.prompt_tokens) * this.price.input + BigInt(tokens) * this.price.output : 0n })
        this.entries.set(entry.request_id, known)
      }
    }
  }

  /** What all attempts of a call produced; nobody may be billed more. */
  all(rid: string): bigint {
    return (this.entries.get(rid) ?? []).reduce((sum, { pico }) => sum + pico, 0n)
  }

  /** What the attempt that went to its end produced. */
  whole(rid: string): bigint {
    return (this.entries.get(rid) ?? []).filter((entry) => entry.isWhole).reduce((sum, { pico }) => sum + pico, 0n)
  }

  get requestIds(): string[] {
    return [...this.entries.keys()]
  }
}

/** Throws while a request still runs on a sandbox host. */
export function quietHosts(sandbox: Stack['sandbox']): void {
  for (const host of sandbox.hosts) if (host.stats().active > 0) throw new Error(`${host.name} still runs ${host.stats().active}`)
}
