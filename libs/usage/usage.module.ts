import { Module } from '@nestjs/common'
import { ClaimStore } from './claim.store'
import { CostReportService } from './cost-report.service'
import { ReportStore } from './report.store'
import { UsageService } from './usage.service'

@Module({ providers: [ClaimStore, ReportStore, CostReportService, UsageService], exports: [UsageService, CostReportService] })
export class UsageModule {}
