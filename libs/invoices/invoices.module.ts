import { Module } from '@nestjs/common'
import { CreditNoteStore } from './credit-note.store'
import { CreditsService } from './credits.service'
import { InvoiceStore } from './invoice.store'
import { InvoicesService } from './invoices.service'
import { LedgerSnapshotStore } from './ledger-snapshot.store'

@Module({ providers: [InvoiceStore, LedgerSnapshotStore, CreditNoteStore, InvoicesService, CreditsService], exports: [InvoicesService, CreditsService] })
export class InvoicesModule {}
