import { Inject, Injectable } from '@nestjs/common'
import { refuse, RefusalError, type Clock, type Ids } from '@tollgate/kernel'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import { violatedConstraint } from '@tollgate/platform/postgres'
import { canonicalJson, differencesOf, sha256, type Canonical, type Difference } from './domain/canonical-json'
import { buildInvoice, type BilledEntry, type InvoiceDocument, type InvoiceTerms } from './domain/invoice'
import { minorDigits, minorOf } from './domain/rounding'
import { demandClosed, demandOrder, type WantedInvoice } from './domain/issue-rules'
import { findInvoice, insertInvoice, InvoiceStore, lastInvoice, type InvoicePage, type InvoiceRecord } from './invoice.store'
import { LedgerSnapshotStore, type LedgerSnapshot, type LineRequest } from './ledger-snapshot.store'

/** What a replay found. Equal = the same bytes from the database of now. */
export interface Replay {
  readonly invoice: InvoiceRecord
  readonly sha256: string
  readonly isEqual: boolean
  readonly differences: readonly Difference[]
}

/** Invoices: issued once from the ledger, replayed whenever somebody doubts one. See README.md of this room. */
@Injectable()
export class InvoicesService {
  constructor(
    private readonly store: InvoiceStore,
    private readonly snapshots: LedgerSnapshotStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /** Issues the invoice of a closed period. @throws RefusalError invoice_not_ready, object_conflict */
  async issue(wanted: WantedInvoice): Promise<InvoiceRecord> {
    demandClosed(wanted, this.clock.now())
    try {
      return await this.snapshots.within((ledger) => this.issueWithin(ledger, wanted))
    } catch (error) {
      // Two at once: the number or period of the second is taken.
      if (violatedConstraint(error)?.startsWith('invoice_')) throw new RefusalError(refuse('object_conflict', { object: 'Invoice', name: wanted.period }))
      throw error
    }
  }

  /** @param tenantId when given, another tenant's answers like one that does not exist @throws RefusalError object_not_found */
  async get(id: string, tenantId?: string): Promise<InvoiceRecord> {
    const record = await this.store.get(id, tenantId)
    if (!record) throw new RefusalError(refuse('object_not_found', { object: 'Invoice', name: id }))
    return record
  }

  async list(page: InvoicePage): Promise<InvoiceRecord[]> {
    return this.store.list(page)
  }

  /** Computes the invoice anew from ledger and prices and compares byte for byte. @throws RefusalError object_not_found */
  async replay(id: string): Promise<Replay> {
    return this.snapshots.within(async (ledger) => {
      const invoice = await findInvoice(ledger.tx, id)
      if (!invoice) throw new RefusalError(refuse('object_not_found', { object: 'Invoice', name: id }))
      const document = await compose(ledger, invoice.terms, await ledger.entries(invoice.terms))
      const text = canonicalJson(document)
      const hash = sha256(text)
      const differences = text === invoice.document ? [] : differencesOf(JSON.parse(invoice.document) as Canonical, document)
      return { invoice, sha256: hash, isEqual: hash === invoice.sha256 && text === invoice.document, differences }
    })
  }

  /** Calls behind a line, with what the invoice asks for each; they add up to its exact amount. @throws RefusalError object_not_found */
  async requests({ terms, document }: InvoiceRecord, line: number, page: { afterSeq: number; limit: number }): Promise<LineRequest[]> {
    const { kind, project, model, price } = lineOf(document, line)
    const projectId = terms.projects ? (project?.id ?? null) : undefined
    return this.snapshots.within((ledger) => ledger.requests(terms, { kind, projectId, model, priceId: price?.id ?? null }, page))
  }

  private async issueWithin(ledger: LedgerSnapshot, wanted: WantedInvoice): Promise<InvoiceRecord> {
    const { tenant, endsAt } = wanted
    const previous = await lastInvoice(ledger.tx, tenant.id)
    await demandOrder(wanted, previous && { period: previous.terms.period, endsAt: previous.terms.endsAt }, (from) => ledger.firstCall(tenant.id, from, wanted.startsAt))
    const unsealed = await ledger.unsealed(tenant.id, endsAt)
    if (unsealed > 0) throw new RefusalError(refuse('invoice_not_ready', { period: wanted.period, reason: `${unsealed} ledger entries are not sealed yet, which the worker does within seconds` }, { retryAfterSeconds: 2 }))
    const firstSeq = previous?.openSeq ?? 1
    const { cutoffSeq, head, openSeq } = await ledger.links(tenant.id, firstSeq, endsAt)
    const unnamed: InvoiceTerms = {
      id: this.ids.uuid(),
      number: (previous?.terms.number ?? 0) + 1,
      tenant: { id: tenant.id, slug: tenant.slug, name: tenant.name },
      period: wanted.period,
      startsAt: previous?.terms.endsAt ?? wanted.startsAt,
      endsAt,
      timeZone: tenant.timeZone,
      currency: tenant.currency,
      minorDigits: minorDigits(tenant.currency),
      issuedAt: new Date(this.clock.now()).toISOString(),
      coverage: { firstSeq, afterSeq: previous?.terms.coverage.cutoffSeq ?? 0, cutoffSeq, head },
      previous: previous && { id: previous.terms.id, sha256: previous.sha256 },
      projects: [],
    }
    await ledger.keepEstimates(unnamed)
    const entries = await ledger.entries(unnamed)
    const terms = { ...unnamed, projects: await ledger.projects(tenant.id, distinct(entries.map(({ projectId, isBilled }) => (isBilled ? projectId : null)))) }
    const document = await compose(ledger, terms, entries)
    return this.keep(ledger, terms, document, { openSeq, issuedBy: wanted.issuedBy })
  }

  private async keep(ledger: LedgerSnapshot, terms: InvoiceTerms, document: InvoiceDocument, rest: { openSeq: number; issuedBy: string }): Promise<InvoiceRecord> {
    const text = canonicalJson(document)
    const lines = document.lines.map(({ kind, project, model, price, amount }) => ({ kind, projectId: project?.id ?? null, model, priceId: price?.id ?? null, amountMinor: minorOf(amount, terms.minorDigits) }))
    const record: InvoiceRecord = { terms, document: text, sha256: sha256(text), totalMinor: minorOf(document.total.amount, terms.minorDigits), ...rest }
    await insertInvoice(ledger.tx, record, lines)
    return record
  }
}

/** @throws RefusalError object_not_found */
export function lineOf(document: string, line: number): InvoiceDocument['lines'][number] {
  const found = (JSON.parse(document) as InvoiceDocument).lines[line - 1]
  if (!found) throw new RefusalError(refuse('object_not_found', { object: 'Invoice line', name: line }))
  return found
}

/** The one way from ledger rows to a document, for issue and replay alike. */
async function compose(ledger: LedgerSnapshot, terms: InvoiceTerms, entries: readonly BilledEntry[]): Promise<InvoiceDocument> {
  const billedPico = entries.reduce((sum, { amountPico }) => sum + amountPico, 0n)
  const ledgerPico = await ledger.ledgerPico(terms)
  if (billedPico !== ledgerPico) throw new Error(`invoice ${terms.id}: entries add up to ${billedPico} pico and their ledger rows to ${ledgerPico}`)
  return buildInvoice(terms, entries, await ledger.prices(distinct(entries.map(({ priceId, isBilled }) => (isBilled ? priceId : null)))))
}

function distinct(ids: readonly (string | null)[]): string[] {
  return [...new Set(ids.filter((id) => id !== null))]
}
