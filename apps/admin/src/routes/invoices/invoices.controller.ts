import { Body, Controller, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common'
import { CreditsService, InvoicesService } from '@tollgate/invoices'
import type { HttpReply } from '@tollgate/platform/http'
import { TenantAdminService } from '@tollgate/tenants'
import { Permit, type Principal } from '@tollgate/tenants/people'
import { pageReply } from '@tollgate/platform/json-schema'
import { Answers } from '../../openapi/answers'
import { pageOf } from '../../paging'
import { SignedIn } from '../../signed-in'
import { invoiceDocumentReply } from './invoice-document.wire'
import { InvoiceViews, lineRequestReply } from './invoice-views'
import { creditNoteReply, creditNoteWire, invoiceDetailReply, invoiceReply, invoiceWire, replayReply, replayWire } from './invoice.wire'
import { creditBody, documentQuery, invoiceQuery, lineRequestsQuery, type CreditBody, type DocumentQuery, type InvoiceQuery, type LineRequestsQuery } from './invoice.schema'

/** Invoices of all tenants, for operators (libs/invoices/README.md). Nothing changes or removes one. */
@Controller('admin/invoices')
export class InvoicesController {
  constructor(
    private readonly invoices: InvoicesService,
    private readonly credits: CreditsService,
    private readonly views: InvoiceViews,
    private readonly tenants: TenantAdminService,
  ) {}

  @Permit('invoices:read')
  @Answers(pageReply(invoiceReply))
  @Get()
  async list(@Query({ schema: invoiceQuery }) query: InvoiceQuery) {
    const tenantId = query.tenant ? (await this.tenants.get(query.tenant)).id : undefined
    return pageOf(query, ({ after, limit }) => this.invoices.list({ after, limit, tenantId }), ({ terms }) => terms.id, invoiceWire)
  }

  @Permit('invoices:read')
  @Answers(invoiceDetailReply)
  @Get(':id')
  one(@Param('id') id: string) {
    return this.views.detail(id)
  }

  /** The issued document: JSON (the bytes that were hashed), CSV, or a page to print. */
  @Permit('invoices:read')
  @Answers(invoiceDocumentReply, 'text/csv', 'text/html')
  @Get(':id/document')
  document(@Param('id') id: string, @Query({ schema: documentQuery }) query: DocumentQuery, @Res({ passthrough: true }) reply: HttpReply) {
    return this.views.document(id, query, reply)
  }

  @Permit('invoices:read')
  @Answers(pageReply(lineRequestReply))
  @Get(':id/lines/:line/requests')
  requests(@Param('id') id: string, @Param('line') line: string, @Query({ schema: lineRequestsQuery }) query: LineRequestsQuery) {
    return this.views.requests(id, line, query)
  }

  /** Computes the invoice anew from the ledger and compares byte for byte; nothing is changed. */
  @Permit('ledger:verify')
  @Answers(replayReply)
  @Post(':id/replay')
  @HttpCode(200)
  async replay(@Param('id') id: string) {
    const { terms } = await this.views.find(id)
    return replayWire(await this.invoices.replay(terms.id))
  }

  @Permit('invoices:write')
  @Answers(creditNoteReply)
  @Post(':id/credit-notes')
  async credit(@SignedIn() who: Principal, @Param('id') id: string, @Body({ schema: creditBody }) body: CreditBody) {
    const invoice = await this.views.find(id)
    return creditNoteWire(await this.credits.add(invoice, body, who.accountId), invoice)
  }
}
