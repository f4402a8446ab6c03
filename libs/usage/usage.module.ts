import { Module } from '@nestjs/common'
import { ClaimStore } from './claim.store'
import { ReportModule } from './report'
import { TotalsStore } from './totals.store'
import { UsageService } from './usage.service'

@Module({ imports: [ReportModule], providers: [ClaimStore, TotalsStore, UsageService], exports: [TotalsStore, UsageService, ReportModule] })
export class UsageModule {}
