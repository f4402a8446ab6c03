import { Injectable } from '@nestjs/common'
import { GENESIS, sealHash, usageHash } from './domain/seal'
import { LedgerSealStore, type NewSeal, type SealBatch } from './ledger-seal.store'

/** Rows a transaction: large enough to cost Postgres little, small enough to hash in a few milliseconds. */
const BATCH = 1_000

/** Adds what the ledger was posted to the hash chains of its tenants. Run by the worker. */
@Injectable()
export class LedgerSealService {
  constructor(private readonly store: LedgerSealStore) {}

  /** Seals until nothing waits, or another worker does it. @returns rows sealed @throws when Postgres is away: nothing is lost */
  async sealWaiting(): Promise<number> {
    let sealed = 0
    for (let count = BATCH; count === BATCH; sealed += count) count = await this.store.seal(BATCH, linkRows)
    return sealed
  }
}

function linkRows({ rows, heads }: SealBatch): NewSeal[] {
  const ends = new Map(heads)
  return rows.map(({ fact, usage }) => {
    const { seq, hash: previous } = ends.get(fact.tenantId) ?? { seq: 0, hash: GENESIS }
    const hashOfUsage = usage && usageHash(usage)
    const end = { seq: seq + 1, hash: sealHash(previous, seq + 1, fact, hashOfUsage) }
    ends.set(fact.tenantId, end)
    return { fact, seq: end.seq, usageHash: hashOfUsage, hash: end.hash }
  })
}
