import { Module } from '@nestjs/common'
import { TierAdminService } from './tier-admin.service'
import { TierVersionStore } from './tier-version.store'
import { TierStore } from './tier.store'
import { TiersService } from './tiers.service'

@Module({ providers: [TierStore, TiersService], exports: [TiersService] })
export class TiersModule {}

/** Tiers for operators. Needs the platform module with `TIER_TABLES`. */
@Module({ providers: [TierVersionStore, TierAdminService], exports: [TierAdminService] })
export class TierAdminModule {}
