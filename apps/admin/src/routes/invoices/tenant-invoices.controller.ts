import { Body, Controller, Get, Param, Post, Query, Res } from '@nestjs/common'
import { InvoicesService } from '@tollgate/invoices'
import { periodAt } from '@tollgate/limits'
import type { HttpReply } from '@tollgate/platform/http'
import { TenantAdminService } from '@tollgate/tenants'
import { Permit, type Principal } from '@tollgate/tenants/people'
import { pageReply } from '@tollgate/platform/json-schema'
import { idPageQuery } from '../../fields.schema'
import { Answers } from '../../openapi/answers'
import { pageOf } from '../../paging'
import { SignedIn } from '../../signed-in'
import { invoiceDocumentReply } from './invoice-document.wire'
import { InvoiceViews, lineRequestReply } from './invoice-views'
import { invoiceDetailReply, invoiceReply, invoiceWire } from './invoice.wire'
import { documentQuery, issueBody, lineRequestsQuery, type DocumentQuery, type IssueBody, type LineRequestsQuery } from './invoice.schema'

/** Invoices of one tenant: operators issue them, its own people read them. */
@Controller('admin/tenants/:tenant/invoices')
export class TenantInvoicesController {
  constructor(
    private readonly tenants: TenantAdminService,
    private readonly invoices: InvoicesService,
    private readonly views: InvoiceViews,
  ) {}

  @Permit('invoices:read')
  @Answers(pageReply(invoiceReply))
  @Get()
  async list(@Param('tenant') slug: string, @Query({ schema: idPageQuery }) query: { limit: number; after?: string }) {
    const { id: tenantId } = await this.tenants.get(slug)
    return pageOf(query, ({ after, limit }) => this.invoices.list({ after, limit, tenantId }), ({ terms }) => terms.id, invoiceWire)
  }

  /** Issues the invoice of a closed month. */
  @Permit('invoices:write')
  @Answers(invoiceReply)
  @Post()
  async issue(@SignedIn() who: Principal, @Param('tenant') slug: string, @Body({ schema: issueBody }) { period, force }: IssueBody) {
    const tenant = await this.tenants.get(slug)
    const [year, month] = period.split('-').map(Number) as [number, number]
    // The fifteenth is in the same month in every zone.
    const { startsAtMs, endsAtMs } = periodAt(Date.UTC(year, month - 1, 15), tenant.timeZone, 'month')
    const bounds = { startsAt: new Date(startsAtMs).toISOString(), endsAt: new Date(endsAtMs).toISOString() }
    return invoiceWire(await this.invoices.issue({ tenant, period, ...bounds, isForced: force, issuedBy: who.accountId }))
  }

  @Permit('invoices:read')
  @Answers(invoiceDetailReply)
  @Get(':id')
  async one(@Param('tenant') slug: string, @Param('id') id: string) {
    return this.views.detail(id, (await this.tenants.get(slug)).id)
  }

  /** The issued document: JSON (the bytes that were hashed), CSV, or a page to print. */
  @Permit('invoices:read')
  @Answers(invoiceDocumentReply, 'text/csv', 'text/html')
  @Get(':id/document')
  async document(@Param('tenant') slug: string, @Param('id') id: string, @Query({ schema: documentQuery }) query: DocumentQuery, @Res({ passthrough: true }) reply: HttpReply) {
    return this.views.document(id, query, reply, (await this.tenants.get(slug)).id)
  }

  @Permit('invoices:read')
  @Answers(pageReply(lineRequestReply))
  @Get(':id/lines/:line/requests')
  async requests(@Param('tenant') slug: string, @Param('id') id: string, @Param('line') line: string, @Query({ schema: lineRequestsQuery }) query: LineRequestsQuery) {
    return this.views.requests(id, line, query, (await this.tenants.get(slug)).id)
  }
}
