import { Module } from '@nestjs/common'
import { TierStore } from './tier.store'
import { TiersService } from './tiers.service'

@Module({ providers: [TierStore, TiersService], exports: [TiersService] })
export class TiersModule {}
