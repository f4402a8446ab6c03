import { Redis } from 'ioredis'
import { Client } from 'pg'
import { bucketTag } from '@tollgate/kernel'
import type { Seed } from './seed'

/** How the usage records of one run reached Postgres. */
export interface Drain {
  /** Records in the outbox when the last reply had come. */
  readonly lagRecords: number
  /** From then until the outbox was empty. */
  readonly drainSeconds: number
}

const POLL_MS = 20
const MOST_SECONDS = 120

/** Watches the outbox and the usage table, from outside: what a client can prove about metering. */
export class SettlementWatch {
  private constructor(
    private readonly redis: Redis,
    private readonly postgres: Client,
    private readonly stream: string,
  ) {}

  static async start(redisUrl: string, seed: Seed): Promise<SettlementWatch> {
    const redis = new Redis(redisUrl, { maxRetriesPerRequest: 1 })
    redis.on('error', () => undefined)
    const postgres = new Client({ connectionString: seed.databaseUrl })
    await postgres.connect()
    postgres.on('error', () => undefined)
    return new SettlementWatch(redis, postgres, `${bucketTag(seed.bucket)}:out`)
  }

  /** Resolves when the worker has confirmed everything. @throws when it does not within two minutes */
  async drained(): Promise<Drain> {
    const startedMs = performance.now()
    const lagRecords = await this.redis.xlen(this.stream)
    for (let lag = lagRecords; lag > 0; lag = await this.redis.xlen(this.stream)) {
      if (performance.now() - startedMs > MOST_SECONDS * 1000) throw new Error(`the worker left ${lag} records in the outbox for ${MOST_SECONDS} s`)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    return { lagRecords, drainSeconds: (performance.now() - startedMs) / 1000 }
  }

  /** Rows of completed calls in table usage, and whether ledger and hourly rollup add up to the same amount. */
  async rows(): Promise<{ completed: number; isBalanced: boolean }> {
    const { rows } = await this.postgres.query<{ completed: string; balanced: boolean }>(
      `SELECT count(*) FILTER (WHERE status = 'completed') AS completed,
         coalesce(sum(amount_pico), 0) = (SELECT coalesce(sum(delta_pico), 0) FROM ledger)
           AND coalesce(sum(amount_pico), 0) = (SELECT coalesce(sum(cost_pico), 0) FROM usage_hourly) AS balanced
       FROM usage`,
    )
    return { completed: Number(rows[0]!.completed), isBalanced: rows[0]!.balanced }
  }

  async close(): Promise<void> {
    this.redis.disconnect()
    await this.postgres.end()
  }
}
