import { Inject, Injectable } from '@nestjs/common'
import { refuse, RefusalError, type Clock, type Ids } from '@tollgate/kernel'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import { CreditNoteStore, type CreditNote } from './credit-note.store'
import { minorFromText, minorOf, minorText } from './domain/rounding'
import type { InvoiceRecord } from './invoice.store'
import { lineOf } from './invoices.service'

/** Credit notes: what is given back of an issued invoice, which itself stays as it is. */
@Injectable()
export class CreditsService {
  constructor(
    private readonly notes: CreditNoteStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /**
   * Gives back a part of a line or all of it.
   * @param wanted.amount decimal text in the invoice's currency with at most its digits
   * @throws RefusalError object_not_found, invalid_request, credit_exceeds_line
   */
  async add(invoice: InvoiceRecord, wanted: { line: number; amount: string; reason: string }, accountId: string): Promise<CreditNote> {
    const { currency, minorDigits: digits, tenant, id: invoiceId } = invoice.terms
    const billed = minorOf(lineOf(invoice.document, wanted.line).amount, digits)
    const amountMinor = minorFromText(wanted.amount, digits)
    if (!amountMinor) throw new RefusalError(refuse('invalid_request', { reason: `amount must be a decimal string above zero with at most ${digits} decimals, as ${currency} has.` }, { details: { errors: [{ path: 'amount', message: `must be above zero with at most ${digits} decimals` }] } }))
    const note: CreditNote = { tenantId: tenant.id, id: this.ids.uuid(), invoiceId, line: wanted.line, amountMinor, reason: wanted.reason, createdAt: new Date(this.clock.now()), createdBy: accountId }
    if (await this.notes.add(note)) return note
    const refunded = (await this.of(invoice)).reduce((sum, { line, amountMinor: amount }) => (line === wanted.line ? sum + amount : sum), 0n)
    throw new RefusalError(refuse('credit_exceeds_line', { line: wanted.line, left: minorText(billed - refunded, digits), currency, wanted: wanted.amount }))
  }

  /** The notes of an invoice, oldest first. */
  async of({ terms }: InvoiceRecord): Promise<CreditNote[]> {
    return this.notes.ofInvoice(terms.tenant.id, terms.id)
  }
}
