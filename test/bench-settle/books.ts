import { Redis } from 'ioredis'
import { Client } from 'pg'
import { bucketTag } from '@tollgate/kernel'

const POLL_MS = 20
const MOST_SECONDS = 600
const BUCKETS = Array.from({ length: 64 }, (_, bucket) => bucketTag(bucket))

/** The 64 outboxes and the tables, looked at from outside. */
export class Books {
  private constructor(
    private readonly redis: Redis,
    private readonly postgres: Client,
  ) {}

  static async open(redisUrl: string, databaseUrl: string): Promise<Books> {
    const redis = new Redis(redisUrl, { maxRetriesPerRequest: 1 })
    redis.on('error', () => undefined)
    const postgres = new Client({ connectionString: databaseUrl })
    await postgres.connect()
    postgres.on('error', () => undefined)
    return new Books(redis, postgres)
  }

  /** Claims in all outboxes that are not confirmed. */
  async queued(): Promise<number> {
    const pipeline = this.redis.pipeline()
    for (const tag of BUCKETS) pipeline.xlen(`${tag}:out`)
    return ((await pipeline.exec()) ?? []).reduce((sum, [, length]) => sum + Number(length), 0)
  }

  async untilEmpty(): Promise<void> {
    await this.untilBelow(1)
  }

  /** @throws when fewer than `limit` are not reached in ten minutes */
  async untilBelow(limit: number): Promise<void> {
    const startedMs = performance.now()
    for (let left = await this.queued(); left >= limit; left = await this.queued()) {
      if (performance.now() - startedMs > MOST_SECONDS * 1000) throw new Error(`${left} claims are still in the outboxes after ${MOST_SECONDS} s`)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  /** Whether every call is a row, and every sum the amount that was charged. @throws when not: a fast worker that loses is none */
  async judge(calls: number, amountPico: bigint): Promise<string> {
    const { rows } = await this.postgres.query<Record<string, string>>(
      `SELECT (SELECT count(*) FROM usage) AS usage, (SELECT count(*) FROM quarantine) AS quarantined, (SELECT sum(delta_pico) FROM ledger)::text AS ledger, (SELECT sum(cost_pico) FROM usage_hourly)::text AS hourly,
         (SELECT sum(cost_pico) FROM usage_daily)::text AS daily, (SELECT sum(cost_pico) FROM usage_monthly)::text AS monthly, (SELECT sum(cost_pico) FROM usage_key_monthly)::text AS keys, (SELECT sum(cost_pico) FROM usage_model_daily)::text AS models, (SELECT sum(cost_pico) FROM usage_tenant_hourly)::text AS totals, (SELECT sum(cost_pico) FROM usage_total_hourly)::text AS grand, (SELECT sum(spent_pico) FROM budget_period WHERE scope = 'tenant')::text AS spent`,
    )
    const found = rows[0]!
    const isBalanced = ['ledger', 'hourly', 'daily', 'monthly', 'keys', 'models', 'totals', 'grand', 'spent'].every((sum) => found[sum] === amountPico.toString())
    if (Number(found.usage) !== calls || found.quarantined !== '0' || !isBalanced) throw new Error(`the books do not balance: ${calls} calls of ${amountPico} pico, found ${JSON.stringify(found)}`)
    return `${calls} usage rows; ledger, rollups and budgets add up to what was charged`
  }

  async close(): Promise<void> {
    this.redis.disconnect()
    await this.postgres.end()
  }
}
