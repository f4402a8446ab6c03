import { Redis } from 'ioredis'
import type { Client } from 'pg'
import { eventually, FaultProxy } from '../support'
import { serviceAddresses } from '../support/services'

/** One row of `usage`, as far as specs look at it. Amounts are pico. */
export interface UsageRow {
  readonly rid: string
  readonly status: string
  readonly error_code: string | null
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly amount_pico: bigint
  readonly usage_source: string
  readonly flags: readonly string[]
  readonly host: string
  readonly attempts: number
}

const COLUMNS = 'rid, status, error_code, prompt_tokens::int, completion_tokens::int, amount_pico::text, usage_source, flags, host, attempts'

/** Usage rows of a tenant, oldest first. */
export async function usageOf(owner: Client, tenantId: string): Promise<UsageRow[]> {
  const { rows } = await owner.query(`SELECT ${COLUMNS} FROM usage WHERE tenant_id = $1 ORDER BY started_at, rid`, [tenantId])
  return rows.map((row) => ({ ...row, amount_pico: BigInt(row.amount_pico) }) as UsageRow)
}

/** The usage row of one call; waits for it, because an outbox is settled by the worker. */
export async function usageRow(owner: Client, rid: string): Promise<UsageRow> {
  return eventually(async () => {
    const { rows } = await owner.query(`SELECT ${COLUMNS} FROM usage WHERE rid = $1`, [rid])
    if (rows.length !== 1) throw new Error(`${rows.length} usage rows for ${rid}`)
    return { ...rows[0], amount_pico: BigInt(rows[0].amount_pico) } as UsageRow
  }, { timeoutMs: 8_000 })
}

/** What `ledger` sums up to for a tenant, in pico. */
export async function ledgerSum(owner: Client, tenantId: string): Promise<bigint> {
  const { rows } = await owner.query('SELECT coalesce(sum(delta_pico), 0)::text AS sum FROM ledger WHERE tenant_id = $1', [tenantId])
  return BigInt(rows[0].sum)
}

/** Every field of every hash of a kind of key in one database: `bud:` sums of money, `lim:` windows. */
export async function hashesOf(redis: Redis, kind: 'bud' | 'lim'): Promise<Map<string, Record<string, string>>> {
  const found = new Map<string, Record<string, string>>()
  for (const key of await redis.keys('*')) if (key.includes(`}:${kind}:`)) found.set(key, await redis.hgetall(key))
  return found
}

/** Waits until nothing is reserved and nothing runs, whoever asked for it; then no lease may be left either. */
export async function atRest(redisUrl: string, timeoutMs = 5_000): Promise<void> {
  const redis = new Redis(redisUrl)
  try {
    await eventually(async () => {
      for (const [key, fields] of await hashesOf(redis, 'bud')) if (Number(fields.resv ?? 0) !== 0) throw new Error(`${key} still reserves ${fields.resv}`)
      for (const [key, fields] of await hashesOf(redis, 'lim')) if (Number(fields.c ?? 0) !== 0) throw new Error(`${key} still counts ${fields.c} in flight`)
      const open = (await redis.keys('*')).filter((key) => /\}:(rsv:|lease$)/.test(key))
      if (open.length > 0) throw new Error(`left behind: ${open.join(', ')}`)
    }, { timeoutMs })
  } finally {
    await redis.quit()
  }
}

/** The data of each event of a server-sent stream; `[DONE]` stays text. */
export function eventsIn(text: string): unknown[] {
  return text.split('\n\n').filter((block) => block.startsWith('data: ')).map((block) => {
    const data = block.slice('data: '.length)
    return data === '[DONE]' ? data : (JSON.parse(data) as unknown)
  })
}

/** A proxy before this run's Postgres, for `startStack({ throughProxy: (url) => behind(proxy, url) })`. */
export function proxyOfPostgres(): Promise<FaultProxy> {
  return FaultProxy.start(serviceAddresses().postgresUrl)
}

/** The same log-in and database, reached through a proxy. */
export function behind(proxy: FaultProxy, url: string): string {
  const changed = new URL(url)
  changed.host = `127.0.0.1:${proxy.port}`
  return changed.href
}
