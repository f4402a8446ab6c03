import { Controller, Get, Inject, Query, Req, Res, UseGuards } from '@nestjs/common'
import { refuse, RefusalError, type Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import type { HttpReply } from '@tollgate/platform/http'
import { ApiKeyGuard } from '@tollgate/tenants'
import { ModelAccessGuard, NeedsScope } from '@tollgate/tiers'
import { CostReportService, reportCsv, type CostReport } from '@tollgate/usage'
import type { CallerRequest } from '../inference'
import { parseBody } from '../request-body'
import { costReportSchema, reportQuery } from './cost-report.schema'

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
    const query = parseBody(costReportSchema, rawQuery)
    const period = reportQuery(query, this.clock.now())
    if ('problem' in period) throw new RefusalError(refuse('invalid_request', { reason: period.problem }))
    const { tenant, projects } = http.caller
    const report = await this.reports.report(tenant.id, tenant.currency, period).catch(() => {
      throw new RefusalError(refuse('reports_unavailable', {}, { retryAfterSeconds: 5 }))
    })
    const named = nameProjects(report, new Map(projects.map((project) => [project.id, project.slug])))
    void reply.header('cache-control', 'no-store')
    if (query.format === 'json') return void (await reply.send(named))
    await reply.header('content-type', 'text/csv; charset=utf-8').header('content-disposition', 'attachment; filename="cost-report.csv"').send(reportCsv(named, period.groupBy))
  }
}

/** Projects are stored by id and read by slug. */
function nameProjects(report: CostReport, slugs: ReadonlyMap<string, string>): CostReport {
  if (!report.groups) return report
  return { ...report, groups: report.groups.map((line) => ('project' in line ? { ...line, project: slugs.get(String(line.project)) ?? line.project } : line)) }
}
