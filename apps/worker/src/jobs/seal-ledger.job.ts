import { Injectable } from '@nestjs/common'
import { LedgerSealService } from '@tollgate/proof'

/** Adds what was posted to the ledger to the hash chains; several workers may run it, one at a time does the work. */
@Injectable()
export class SealLedgerJob {
  constructor(private readonly seals: LedgerSealService) {}

  async run(): Promise<void> {
    await this.seals.sealWaiting()
  }
}
