import { Inject, Injectable } from '@nestjs/common'
import type { Ids } from '@tollgate/kernel'
import { OutboxStore, type OutboxEntry } from '@tollgate/limits'
import { IDS } from '@tollgate/platform/clock'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { LOGGER } from '@tollgate/platform/process'
import { parseClaim, UsageService, type UsageClaim } from '@tollgate/usage'

const BATCH = 500
const BLOCK_MS = 1_000
/** A claim that another worker read this long ago and never confirmed is taken over. */
const ABANDONED_MS = 30_000

/** Moves claims from the outbox to Postgres, a batch a transaction, and confirms them in Redis (metering.md, Worker). */
@Injectable()
export class SettleOutboxJob {
  private readonly consumer: string

  constructor(
    private readonly outbox: OutboxStore,
    private readonly usage: UsageService,
    @Inject(LOGGER) private readonly logger: ProcessLogger,
    @Inject(IDS) ids: Ids,
  ) {
    this.consumer = `worker-${ids.uuid()}`
  }

  /**
   * Waits for claims and settles what is there until a batch comes back short; the caller then lets more gather, since
   * a transaction costs Postgres nearly the same for one claim as for many.
   * @throws when Redis or Postgres is away; entries stay and come again
   */
  async run(): Promise<void> {
    let read: number
    do {
      const entries = await this.outbox.read(this.consumer, BATCH, BLOCK_MS)
      for (let from = 0; from < entries.length; from += BATCH) await this.settle(entries.slice(from, from + BATCH))
      read = entries.length
    } while (read >= BATCH)
  }

  /** Takes over what a dead worker left. */
  async takeOver(): Promise<void> {
    await this.settle(await this.outbox.takeOver(this.consumer, ABANDONED_MS, BATCH))
  }

  private async settle(entries: readonly OutboxEntry[]): Promise<void> {
    if (entries.length === 0) return
    const read = entries.map((entry) => ({ entry, claim: parseClaim(entry.claim, entry.admittedAtMs) }))
    for (const { entry, claim } of read) {
      if (claim) continue
      this.logger.error({ entry: entry.id, bucket: entry.bucket }, 'outbox entry is no claim; quarantined')
      await this.usage.quarantine(entry.claim, 'not a claim')
    }
    const claims = read.flatMap(({ claim }) => (claim ? [claim] : []))
    const { sums, quarantined } = await this.usage.applyBatch(claims)
    for (const rid of quarantined) this.logger.error({ request_id: rid }, 'claim cannot be applied; quarantined, its budget keeps counting it')
    const kept = new Set(quarantined)
    for (const bucket of new Set(entries.map((entry) => entry.bucket))) {
      const own = read.filter(({ entry }) => entry.bucket === bucket)
      await this.outbox.confirm({
        bucket,
        entryIds: own.map(({ entry }) => entry.id),
        claims: own.flatMap(({ claim }) => (claim ? [confirmed(claim, !kept.has(claim.rid))] : [])),
        sums: sums.filter((sum) => own.some(({ claim }) => claim?.tenant_id === sum.tenantId)),
      })
    }
  }
}

function confirmed({ rid, rank, tenant_id, budgets }: UsageClaim, isApplied: boolean) {
  // What is no list was quarantined for that, too.
  return { rid, rank, tenantId: tenant_id, budgets: Array.isArray(budgets) ? budgets : [], isApplied }
}
