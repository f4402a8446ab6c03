import { Inject, Injectable } from '@nestjs/common'
import type { Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { SecretBox } from '@tollgate/platform/secrets'
import { keyContext } from './domain/conversation'
import { UpkeepStore } from './upkeep.store'

const BATCH = 500

/** Conversations without their tenants: what has expired goes, and data keys follow the key that wraps them. */
@Injectable()
export class ConversationUpkeep {
  constructor(
    private readonly store: UpkeepStore,
    private readonly box: SecretBox,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Answers how many conversations went. What has expired is not answered to anybody before that either. */
  async purge(): Promise<number> {
    return this.store.purge(new Date(this.clock.now()))
  }

  /** As `HostSecrets.rewrap`: may stop anywhere and go on in any worker. Answers how many were brought, and tenants whose key does not open. */
  async rewrap(): Promise<{ readonly rewrapped: number; readonly unreadable: readonly string[] }> {
    const unreadable: string[] = []
    let rewrapped = 0
    for (let after: string | null = null; ; ) {
      const batch = await this.store.keysOtherwise(this.box.prefix, after, BATCH)
      for (const { tenantId, wrapped } of batch) {
        const next = this.rewrapped(wrapped, keyContext(tenantId))
        if (next) rewrapped += await this.store.replaceKey(tenantId, wrapped, next)
        else unreadable.push(tenantId)
      }
      if (batch.length < BATCH) return { rewrapped, unreadable }
      after = batch.at(-1)!.tenantId
    }
  }

  private rewrapped(wrapped: Buffer, context: string): Buffer | null {
    try {
      return this.box.rewrap(wrapped, context)
    } catch {
      return null
    }
  }
}
