import { Inject, Injectable } from '@nestjs/common'
import { refuse, RefusalError, type Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { violatedConstraint } from '@tollgate/platform/postgres'
import { ChangeNotices } from '@tollgate/platform/redis'
import type { Tier } from './domain/tier'
import { TierVersionStore } from './tier-version.store'
import type { TierVersion } from './tier.table'

/** Tiers, for operators. A change is a new version, and every process is told. */
@Injectable()
export class TierAdminService {
  constructor(
    private readonly store: TierVersionStore,
    private readonly notices: ChangeNotices,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The version in force of each tier. */
  async list(page: { after?: string; limit: number }): Promise<TierVersion[]> {
    return this.store.current(page)
  }

  /** Every version, latest first. @throws RefusalError object_not_found */
  async versions(slug: string): Promise<[TierVersion, ...TierVersion[]]> {
    const [current, ...older] = await this.store.versions(slug)
    if (!current) throw new RefusalError(refuse('object_not_found', { object: 'Tier', name: slug }))
    return [current, ...older]
  }

  /** The version in force, or null. */
  async find(slug: string): Promise<TierVersion | null> {
    return (await this.store.versions(slug))[0] ?? null
  }

  /** Puts a new version in force. @throws RefusalError object_conflict when another was written in between */
  async put(wanted: Omit<Tier, 'version'>, previous: TierVersion | null): Promise<TierVersion> {
    const tier: TierVersion = { ...wanted, version: (previous?.version ?? 0) + 1, createdAt: new Date(this.clock.now()) }
    try {
      await this.store.insert(tier)
    } catch (error) {
      if (violatedConstraint(error) === 'tier_pk') throw new RefusalError(refuse('object_conflict', { object: 'Tier', name: `${tier.slug} version ${tier.version}` }))
      throw error
    }
    await this.notices.publish({ topic: 'tiers' })
    return tier
  }
}
