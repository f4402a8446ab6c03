import { Module } from '@nestjs/common'
import { LedgerChainStore } from './ledger-chain.store'
import { LedgerSealService } from './ledger-seal.service'
import { LedgerSealStore } from './ledger-seal.store'
import { LedgerVerifyService } from './ledger-verify.service'
import { ReconciliationService } from './reconciliation.service'
import { ReconciliationStore } from './reconciliation.store'
import { RequestRecordService } from './request-record.service'
import { RequestRecordStore } from './request-record.store'
import { SimulationService } from './simulation.service'
import { SimulationStore } from './simulation.store'

@Module({
  providers: [LedgerChainStore, LedgerSealService, LedgerSealStore, LedgerVerifyService, ReconciliationService, ReconciliationStore, RequestRecordService, RequestRecordStore, SimulationService, SimulationStore],
  exports: [LedgerSealService, LedgerVerifyService, ReconciliationService, RequestRecordService, RequestRecordStore, SimulationService],
})
export class ProofModule {}
