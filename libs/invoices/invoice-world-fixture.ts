import { randomBytes } from 'node:crypto'
import { uuidv7 } from '@tollgate/kernel'
import { Database } from '@tollgate/platform/postgres'
import { FakeClock } from '../../test/support'
import { periodAt } from '../limits'
import { LedgerSealService } from '../proof/ledger-seal.service'
import { LedgerSealStore } from '../proof/ledger-seal.store'
import { ClaimsFixture } from '../usage/claims-fixture'
import { CreditNoteStore } from './credit-note.store'
import { CreditsService } from './credits.service'
import { InvoiceStore, type InvoiceRecord } from './invoice.store'
import { InvoicesService } from './invoices.service'
import { LedgerSnapshotStore } from './ledger-snapshot.store'

/** Everything in specs is issued by this account. */
export const BILLING = '019a0000-0000-7000-8000-00000000b111'
export const NOW = Date.UTC(2026, 10, 20)

const ids = { uuid: () => uuidv7(Date.now(), randomBytes(10)), bytes: (length: number) => randomBytes(length) }

/** The services on a database's own connection as tg_admin. */
export function servicesOf(admin: Database): { invoices: InvoicesService; credits: CreditsService } {
  const clock = new FakeClock(NOW)
  return { invoices: new InvoicesService(new InvoiceStore(admin), new LedgerSnapshotStore(admin), clock, ids), credits: new CreditsService(new CreditNoteStore(admin), clock, ids) }
}

/** For specs: calls at any time of any month, sealed when wanted, and invoices of them. */
export class InvoiceWorld {
  private constructor(
    readonly claims: ClaimsFixture,
    readonly admin: Database,
    readonly invoices: InvoicesService,
    readonly credits: CreditsService,
    private readonly sealing: LedgerSealService,
  ) {}

  static async start(): Promise<InvoiceWorld> {
    const claims = await ClaimsFixture.start()
    const admin = await Database.connect({ url: claims.database.adminUrl, role: 'tg_admin', entities: [], poolSize: 8 })
    const { invoices, credits } = servicesOf(admin)
    return new InvoiceWorld(claims, admin, invoices, credits, new LedgerSealService(new LedgerSealStore(claims.worker)))
  }

  async stop(): Promise<void> {
    await this.admin.close()
    await this.claims.stop()
  }

  async seal(): Promise<void> {
    await this.sealing.sealWaiting()
  }

  /** A price row in force since January. @returns its id */
  async price(inputPico = 100_000n, outputPico = 300_000n): Promise<string> {
    const id = ids.uuid()
    await this.claims.owner.query(`INSERT INTO price (id, model, effective_at, currency, input_pico, output_pico, source) VALUES ($1, '*', '2026-01-01', 'USD', $2, $3, 'spec')`, [id, String(inputPico), String(outputPico)])
    return id
  }

  /** A final call (rank 1) or, with rank 0, an estimate of one. @returns its request id */
  async call(tenant: string, at: string, amountPico: bigint, over: Record<string, unknown> = {}): Promise<string> {
    const rank = over.rank ?? 1
    const claim = this.claims.claim(tenant, { day: at.slice(0, 10), started_at: at, amount_pico: String(amountPico), ...(rank === 0 ? { status: 'swept' } : {}), ...over })
    await this.claims.store.commitBatch([claim])
    return claim.rid
  }

  async issue(tenant: string, period: string, over: { timeZone?: string; currency?: string; isForced?: boolean } = {}): Promise<InvoiceRecord> {
    const { timeZone = 'UTC', currency = 'USD', isForced = false } = over
    const [year, month] = period.split('-').map(Number) as [number, number]
    const { startsAtMs, endsAtMs } = periodAt(Date.UTC(year, month - 1, 15), timeZone, 'month')
    return this.invoices.issue({ tenant: { id: tenant, slug: `t-${tenant}`, name: 'Acme', currency, timeZone }, period, startsAt: new Date(startsAtMs).toISOString(), endsAt: new Date(endsAtMs).toISOString(), isForced, issuedBy: BILLING })
  }
}
