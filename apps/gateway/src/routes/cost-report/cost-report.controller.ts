import { Controller, Get, Inject, Query, Req, Res, UseGuards } from '@nestjs/common'
import { refuse, RefusalError, type CallerTenant, type Clock } from '@tollgate/kernel'
import { periodAt } from '@tollgate/limits'
import { CLOCK } from '@tollgate/platform/clock'
import type { HttpReply } from '@tollgate/platform/http'
import { ApiKeyGuard } from '@tollgate/tenants'
import { ModelAccessGuard, NeedsScope } from '@tollgate/tiers'
import { CostReportService, linesCsv, reportPeriod, type Calendar, type ReportQuery } from '@tollgate/usage/report'
import type { z } from 'zod'
import type { CallerRequest } from '../caller-request'
import { reportsUnavailable } from '../reports-unavailable'
import { parseBody } from '../request-body'
import { costReportSchema } from './cost-report.schema'

const LINES_A_PAGE = 100

/** `GET /cost-report` (product.md 2.4): what this tenant's calls cost; the sums are the ledger's. */
@Controller()
@UseGuards(ApiKeyGuard, ModelAccessGuard)
export class CostReportController {
  constructor(
    private readonly reports: CostReportService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @NeedsScope('report:read')
  @Get('cost-report')
  async report(@Req() http: CallerRequest, @Query() rawQuery: unknown, @Res() reply: HttpReply): Promise<void> {
    const asked = parseBody(costReportSchema, rawQuery)
    const { tenant } = http.caller
    const query = this.queryOf(asked, tenant)
    void reply.header('cache-control', 'no-store')
    const isPaged = asked.limit !== undefined || asked.after !== undefined
    const answer = await (isPaged ? this.page(tenant, query, asked) : this.whole(tenant, query, asked.format)).catch(reportsUnavailable)
    if (asked.format === 'json') return void (await reply.send(answer.body))
    if (answer.next) void reply.header('x-tollgate-next', answer.next)
    const groups = query.groupBy.length > 0 ? query.groupBy : ['model']
    await reply.header('content-type', 'text/csv; charset=utf-8').header('content-disposition', 'attachment; filename="cost-report.csv"').send(linesCsv(answer.lines, groups))
  }

  private async whole({ id, currency }: CallerTenant, query: ReportQuery, format: 'json' | 'csv') {
    if (format === 'json') return { body: await this.reports.report(id, currency, query), lines: [], next: null }
    return { body: null, lines: await this.reports.table(id, currency, query), next: null }
  }

  private async page(tenant: CallerTenant, query: ReportQuery, { after, limit }: { after?: string; limit?: number }) {
    const body = await this.reports.page(tenant, query, { after, limit: limit ?? LINES_A_PAGE })
    return { body, lines: body.data, next: body.next }
  }

  private queryOf(asked: z.infer<typeof costReportSchema>, { timeZone }: CallerTenant): ReportQuery {
    const calendar: Calendar = (instantMs, length) => periodAt(instantMs, timeZone, length)
    const period = reportPeriod(asked, this.clock.now(), calendar)
    if ('path' in period) throw new RefusalError(refuse('invalid_request', { reason: `${period.path} ${period.message}.` }, { details: { errors: [period], param: period.path } }))
    return { ...period, groupBy: asked.group_by ?? [], calendar }
  }
}
