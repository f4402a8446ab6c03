import { Inject, Injectable } from '@nestjs/common'
import type { Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { buildReport, type CostReport, type ReportQuery } from './domain/cost-report'
import { ReportStore } from './report.store'

const STATS_PERIOD_MS = 7 * 86_400_000
const HOUR_MS = 3_600_000

/** Cost reports of a tenant, from rollups that are written in the transaction of the ledger: their sum is the ledger's. */
@Injectable()
export class CostReportService {
  constructor(
    private readonly store: ReportStore,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async report(tenantId: string, currency: string, query: ReportQuery): Promise<CostReport> {
    const byModel = await this.store.sums(tenantId, query, ['model'])
    const groups = query.groupBy.length > 0 ? await this.store.sums(tenantId, query, query.groupBy) : null
    return buildReport(byModel, groups, query, currency)
  }

  /** How the tenant's models fared over the last seven days. */
  async modelStats(tenantId: string): Promise<ReadonlyMap<string, { requests: number; failures: number; durationMs: number }>> {
    const toMs = Math.ceil((this.clock.now() + 1) / HOUR_MS) * HOUR_MS
    return this.store.modelStats(tenantId, toMs - STATS_PERIOD_MS, toMs)
  }
}
