import { Module } from '@nestjs/common'
import { TierAdminService } from './tier-admin.service'
import { TierVersionStore } from './tier-version.store'
import { ModelAccessGuard } from './model-access.guard'
import { TierStore } from './tier.store'
import { TiersService } from './tiers.service'

@Module({ providers: [TierStore, TiersService, ModelAccessGuard], exports: [TiersService, ModelAccessGuard] })
export class TiersModule {}

/** Tiers for operators. Needs the platform module with `TIER_TABLES`. */
@Module({ providers: [TierVersionStore, TierAdminService], exports: [TierAdminService] })
export class TierAdminModule {}
