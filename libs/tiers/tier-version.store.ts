import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'
import { TierTable, type TierVersion } from './tier.table'

/** Versions of tiers in Postgres, for the control plane. Gateways read through tier.store.ts. */
@Injectable()
export class TierVersionStore {
  constructor(private readonly database: Database) {}

  /** The version in force of each tier, by slug from after one. */
  async current(page: { after?: string; limit: number }): Promise<TierVersion[]> {
    return this.database.asPlatform((tx) =>
      tx
        .getRepository(TierTable)
        .createQueryBuilder('tier')
        .where('tier.version = (SELECT max(v.version) FROM tier v WHERE v.slug = tier.slug)')
        .andWhere('tier.slug > :after', { after: page.after ?? '' })
        .orderBy('tier.slug')
        .take(page.limit)
        .getMany(),
    )
  }

  /** Every version of a tier, latest first; empty when there is no such tier. */
  async versions(slug: string): Promise<TierVersion[]> {
    return this.database.asPlatform((tx) => tx.getRepository(TierTable).find({ where: { slug }, order: { version: 'DESC' } }))
  }

  /** Adds a version. Of two at once the primary key lets one in. */
  async insert(tier: TierVersion): Promise<void> {
    await this.database.asPlatform((tx) => tx.getRepository(TierTable).insert(tier as never))
  }
}
