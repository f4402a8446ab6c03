import { Inject, Injectable } from '@nestjs/common'
import type { Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { LOGGER } from '@tollgate/platform/process'
import { BudgetStore, type OpenSum } from './budget.store'
import { OutboxStore } from './outbox.store'

/** Redis windows and Postgres records may differ by this much before somebody should look (metering.md, Clocks). */
const MOST_SKEW_MS = 2_000
const MOST_PER_BUCKET = 500

/**
 * Tells Redis what Postgres has committed, whatever confirmation was lost on its way. Run by the worker every ten
 * seconds. Only sums that moved since this worker last told of them are sent; an older version changes nothing.
 */
@Injectable()
export class ReconcileService {
  private readonly told = new Map<string, bigint>()

  constructor(
    private readonly budgets: BudgetStore,
    private readonly outbox: OutboxStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: ProcessLogger,
  ) {}

  /** Answers how many sums were sent. @throws when Redis or Postgres is away: everything is told again at the next run */
  async run(): Promise<number> {
    const [{ sums, nowMs }, redisNowMs] = await Promise.all([this.budgets.openSums(), this.outbox.redisTimeMs()])
    if (Math.abs(nowMs - redisNowMs) > MOST_SKEW_MS) this.logger.warn({ skew_ms: nowMs - redisNowMs, process_skew_ms: this.clock.now() - redisNowMs }, 'Postgres and Redis disagree about the time: check NTP on both')
    const moved = sums.filter((sum) => this.told.get(nameOf(sum)) !== sum.version)
    for (const [bucket, own] of byBucket(moved)) {
      for (let from = 0; from < own.length; from += MOST_PER_BUCKET) {
        const part = own.slice(from, from + MOST_PER_BUCKET)
        await this.outbox.confirm({ bucket, entryIds: [], claims: [], sums: part })
        for (const sum of part) this.told.set(nameOf(sum), sum.version)
      }
    }
    const open = new Set(sums.map(nameOf))
    for (const name of this.told.keys()) if (!open.has(name)) this.told.delete(name)
    return moved.length
  }

  /** Redis may have lost its memory: all sums are told again. */
  forget(): void {
    this.told.clear()
  }
}

function nameOf({ tenantId, budget }: OpenSum): string {
  return `${tenantId} ${budget}`
}

function byBucket(sums: readonly OpenSum[]): Map<number, OpenSum[]> {
  const groups = new Map<number, OpenSum[]>()
  for (const sum of sums) {
    const group = groups.get(sum.bucket)
    if (group) group.push(sum)
    else groups.set(sum.bucket, [sum])
  }
  return groups
}
