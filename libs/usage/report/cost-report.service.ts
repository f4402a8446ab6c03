import { Inject, Injectable } from '@nestjs/common'
import { refuse, RefusalError, type Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { buildPlatformReport, buildReport, tableLines, type CostReport, type PlatformReport, type ReportQuery } from '../domain/cost-report'
import { cursorOf, keysOf } from '../domain/report-cursor'
import { groupLineOf, type GroupLine } from '../domain/report-line'
import { localDays } from '../domain/report-period'
import { untilNow } from '../domain/report-reading'
import type { Fold } from './report-statement'
import { ReportStore } from './report.store'

const STATS_PERIOD_MS = 7 * 86_400_000
const HOUR_MS = 3_600_000

/** A page of lines in the order of their groups; `next` is the `after` of the following one. */
export interface ReportPage {
  readonly data: readonly GroupLine[]
  readonly has_more: boolean
  readonly next: string | null
}

/** How a model fared: requests, failures, and the sum of durations. */
export interface ModelStats {
  readonly requests: number
  readonly failures: number
  readonly durationMs: number
}

/**
 * Cost reports, from rollups that are written in the transaction of the ledger: their sum is the ledger's, the open hour
 * included. A tenant's people and keys are given its own; operators any, or all at once.
 */
@Injectable()
export class CostReportService {
  constructor(
    private readonly store: ReportStore,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws RefusalError invalid_request for more lines than one body should hold */
  async report(tenantId: string, currency: string, query: ReportQuery): Promise<CostReport> {
    const { models, groups } = await this.store.whole(this.foldOf(tenantId, query), true)
    return buildReport(models, query.groupBy.length > 0 ? groups : null, query, currency)
  }

  /** The report as a table: its groups, or its models where there are none. @throws RefusalError as above */
  async table(tenantId: string, currency: string, query: ReportQuery): Promise<GroupLine[]> {
    const isByModel = query.groupBy.length === 0
    const { models, groups } = await this.store.whole(this.foldOf(tenantId, query), isByModel)
    return tableLines(isByModel ? models : groups, currency)
  }

  /** Over all tenants, whole hours only. @throws RefusalError as above */
  async platformReport(query: ReportQuery): Promise<PlatformReport> {
    const { groups } = await this.store.whole(this.foldOf(null, query), false)
    return buildPlatformReport(groups, query.groupBy, query)
  }

  /**
   * Lines by the groups, in pages: of a tenant in its currency, or with null of all, each in its own.
   * @throws RefusalError invalid_request for an `after` that no page of this grouping gave
   */
  async page(tenant: { id: string; currency: string } | null, query: ReportQuery, { after, limit }: { after?: string; limit: number }): Promise<ReportPage> {
    const keys = after === undefined ? null : keysOf(after, query.groupBy)
    if (after !== undefined && !keys) throw new RefusalError(refuse('invalid_request', { reason: 'after must be what next gave for the same group_by.' }, { details: { param: 'after', errors: [{ path: 'after', message: 'must be what next gave for the same group_by' }] } }))
    const rows = await this.store.page(this.foldOf(tenant?.id ?? null, query), { after: keys, limit: limit + 1 })
    const page = rows.slice(0, limit)
    const hasMore = rows.length > limit
    return {
      data: page.map(({ sums }) => Object.assign(groupLineOf(sums), { currency: tenant?.currency ?? sums.group.currency! })),
      has_more: hasMore,
      next: hasMore ? cursorOf(query.groupBy, page.at(-1)!.keys) : null,
    }
  }

  /** How the tenant's models fared over the last seven days. */
  async modelStats(tenantId: string): Promise<ReadonlyMap<string, ModelStats>> {
    const toMs = Math.ceil((this.clock.now() + 1) / HOUR_MS) * HOUR_MS
    const { models } = await this.store.whole({ tenantId, period: { fromMs: toMs - STATS_PERIOD_MS, toMs }, groupBy: [], days: null }, true)
    return new Map(models.map(({ group, requests, failures, durationMs }) => [group.model!, { requests, failures, durationMs }]))
  }

  private foldOf(tenantId: string | null, { fromMs, toMs, groupBy, calendar }: ReportQuery): Fold {
    const isByTime = groupBy.includes('day') || groupBy.includes('hour')
    const period = { fromMs, toMs: isByTime ? toMs : untilNow(toMs, this.clock.now()) }
    return { tenantId, period, groupBy, days: groupBy.includes('day') ? localDays(period, calendar) : null }
  }
}
