import { Injectable } from '@nestjs/common'
import { CreditsService, invoiceCsv, invoicePage, InvoicesService, type InvoiceDocument } from '@tollgate/invoices'
import { decimalFromPico, isUuid, refuse, RefusalError } from '@tollgate/kernel'
import type { HttpReply } from '@tollgate/platform/http'
import { instantReply, moneyReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import { pageOf } from '../../paging'
import type { DocumentQuery, LineRequestsQuery } from './invoice.schema'
import { invoiceDetailWire } from './invoice.wire'

/** Should a browser ever show the page as ours: it runs nothing and loads nothing. */
const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

/** A call behind a line, with what the invoice asks for it. */
export const lineRequestReply = z.strictObject({ request_id: z.uuid(), started_at: instantReply, amount: moneyReply }).meta({ id: 'InvoicedRequest' })

/** Reading invoices, the same for operators and for the people of their tenant. */
@Injectable()
export class InvoiceViews {
  constructor(
    private readonly invoices: InvoicesService,
    private readonly credits: CreditsService,
  ) {}

  /** @param tenantId when given, another tenant's is not found @throws RefusalError object_not_found */
  async find(id: string, tenantId?: string) {
    if (!isUuid(id)) throw new RefusalError(refuse('object_not_found', { object: 'Invoice', name: id.slice(0, 100) }))
    return this.invoices.get(id, tenantId)
  }

  async detail(id: string, tenantId?: string) {
    const record = await this.find(id, tenantId)
    return invoiceDetailWire(record, await this.credits.of(record))
  }

  /** The document in the form asked for, with the headers of that form. */
  async document(id: string, { format }: DocumentQuery, reply: HttpReply, tenantId?: string): Promise<string> {
    const { document, sha256, terms } = await this.find(id, tenantId)
    const name = `invoice-${terms.tenant.slug}-${terms.period}`
    void reply.header('x-content-type-options', 'nosniff')
    if (format === 'json') {
      void reply.header('content-type', 'application/json; charset=utf-8')
      return document
    }
    const parsed = JSON.parse(document) as InvoiceDocument
    if (format === 'csv') {
      void reply.header('content-type', 'text/csv; charset=utf-8').header('content-disposition', `attachment; filename="${name}.csv"`)
      return invoiceCsv(parsed)
    }
    void reply.header('content-type', 'text/html; charset=utf-8').header('content-security-policy', PAGE_POLICY)
    return invoicePage(parsed, sha256)
  }

  /** Calls behind a line, in the order in which the ledger was sealed. */
  async requests(id: string, line: string, query: LineRequestsQuery, tenantId?: string) {
    const record = await this.find(id, tenantId)
    const number = /^\d{1,7}$/.test(line) ? Number(line) : 0
    return pageOf(
      query,
      ({ after, limit }) => this.invoices.requests(record, number, { afterSeq: Number(after ?? 0), limit }),
      ({ seq }) => String(seq),
      ({ rid, startedAt, amountPico }): z.output<typeof lineRequestReply> => ({ request_id: rid, started_at: startedAt, amount: decimalFromPico(amountPico) }),
    )
  }
}
