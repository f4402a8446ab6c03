import { Module } from '@nestjs/common'
import { ClaimStore } from './claim.store'
import { ReportModule } from './report'
import { UsageService } from './usage.service'

@Module({ imports: [ReportModule], providers: [ClaimStore, UsageService], exports: [UsageService, ReportModule] })
export class UsageModule {}
