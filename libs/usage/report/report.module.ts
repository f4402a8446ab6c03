import { Module } from '@nestjs/common'
import { CostReportService } from './cost-report.service'
import { ReportStore } from './report.store'

/** Cost reports, for tenants and operators. */
@Module({ providers: [ReportStore, CostReportService], exports: [CostReportService] })
export class ReportModule {}
