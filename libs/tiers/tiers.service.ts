import { Injectable } from '@nestjs/common'
import { ChangeNotices } from '@tollgate/platform/redis'
import { Snapshot } from '@tollgate/platform/snapshot'
import { permits, type Tier } from './domain/tier'
import { TierStore } from './tier.store'

/** Tiers in force, from memory. */
@Injectable()
export class TiersService {
  private readonly snapshot: Snapshot<ReadonlyMap<string, Tier>>

  constructor(store: TierStore, notices: ChangeNotices) {
    this.snapshot = new Snapshot(async () => new Map((await store.current()).map((tier) => [tier.slug, tier])))
    notices.listen((notice) => notice.topic === 'tiers' && this.snapshot.refreshQuietly())
  }

  /** Loads the tiers; called at boot and by a timer. */
  async refresh(): Promise<void> {
    await this.snapshot.refresh()
  }

  /** The tier in force. @throws when a tenant names a tier that does not exist: a fault of ours, not of the caller */
  get(slug: string): Tier {
    const tier = this.snapshot.current().get(slug)
    if (!tier) throw new Error(`tier ${slug} does not exist`)
    return tier
  }

  /** Every tier in force. */
  all(): Tier[] {
    return [...this.snapshot.current().values()]
  }

  /** Slugs of the tiers that may use a model, in the order of their price: least weight first. */
  permitting(model: string): string[] {
    const tiers = [...this.snapshot.current().values()].filter((tier) => permits(tier, model))
    return tiers.sort((a, b) => a.queueWeight - b.queueWeight).map((tier) => tier.slug)
  }
}
