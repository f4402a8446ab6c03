import { Controller, Get, Inject, Query, Res } from '@nestjs/common'
import { refuse, RefusalError, type Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import type { HttpReply } from '@tollgate/platform/http'
import { TenantAdminService } from '@tollgate/tenants'
import type { Tenant } from '@tollgate/tenants/domain'
import { Permit } from '@tollgate/tenants/people'
import { CostReportService, linesCsv, type ReportQuery } from '@tollgate/usage/report'
import type { z } from 'zod'
import { Answers } from '../../openapi/answers'
import { costQuery, costReportQuery, type CostQueryString } from './cost.schema'
import { costReply } from './cost.wire'

const LINES_A_PAGE = 100

/** What calls cost tenants: of one, as its own `/cost-report` says it; or of all, a line for each currency. */
@Controller('admin/reports')
export class CostController {
  constructor(
    private readonly reports: CostReportService,
    private readonly tenants: TenantAdminService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Permit('reports:read')
  @Answers(costReply, 'text/csv')
  @Get('cost')
  async report(@Query({ schema: costQuery }) asked: CostQueryString, @Res({ passthrough: true }) reply: HttpReply): Promise<z.output<typeof costReply> | string> {
    const tenant = asked.tenant ? await this.tenants.get(asked.tenant) : null
    const query = costReportQuery(asked, tenant, this.clock.now())
    const isPaged = asked.limit !== undefined || asked.after !== undefined
    const { body, lines, next } = await (isPaged ? this.page(tenant, query, asked) : this.whole(tenant, query, asked.format)).catch((error: unknown) => {
      throw error instanceof RefusalError ? error : new RefusalError(refuse('reports_unavailable', {}, { retryAfterSeconds: 5 }))
    })
    if (asked.format === 'json') return body!
    if (next) void reply.header('x-tollgate-next', next)
    void reply.header('content-type', 'text/csv; charset=utf-8').header('content-disposition', 'attachment; filename="cost-report.csv"')
    return linesCsv(lines, query.groupBy.length > 0 || !tenant ? query.groupBy : ['model'])
  }

  private async whole(tenant: Tenant | null, query: ReportQuery, format: 'json' | 'csv') {
    if (tenant && format === 'json') return { body: await this.reports.report(tenant.id, tenant.currency, query), lines: [], next: null }
    if (tenant) return { body: null, lines: await this.reports.table(tenant.id, tenant.currency, query), next: null }
    const body = await this.reports.platformReport(query)
    return { body, lines: body.groups ?? body.totals, next: null }
  }

  private async page(tenant: Tenant | null, query: ReportQuery, { after, limit }: CostQueryString) {
    const body = await this.reports.page(tenant, query, { after, limit: limit ?? LINES_A_PAGE })
    return { body, lines: body.data, next: body.next }
  }
}
