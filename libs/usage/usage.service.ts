import { Inject, Injectable } from '@nestjs/common'
import type { Ids } from '@tollgate/kernel'
import { IDS } from '@tollgate/platform/clock'
import { ClaimStore, type CommittedSum } from './claim.store'
import { strongestClaims, type UsageClaim } from './domain/claim'
import { claimProblem } from './domain/claim-check'

interface Waiting {
  readonly claim: UsageClaim
  resolve(sums: readonly CommittedSum[]): void
  reject(error: unknown): void
}

/** What a batch became: the sums of its budgets, and the request ids of claims that could not be applied. */
export interface AppliedBatch {
  readonly sums: readonly CommittedSum[]
  readonly quarantined: readonly string[]
}

const MOST_PER_COMMIT = 200
/** SQLSTATE of a value that is none: a claim refused here looks like one that Postgres refused. */
const INVALID_VALUE = '22023'

/** Usage events and the ledger. See README.md of this room. */
@Injectable()
export class UsageService {
  private waiting: Waiting[] = []
  private isCommitting = false

  constructor(
    private readonly claims: ClaimStore,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /**
   * Commits one claim and resolves when it is durable in Postgres, with the sums of its budgets. Claims that arrive
   * while a commit runs share the next one (group commit), so throughput does not depend on the disk's latency.
   */
  commit(claim: UsageClaim): Promise<readonly CommittedSum[]> {
    const problem = claimProblem(claim)
    if (problem) return Promise.reject(Object.assign(new RangeError(problem), { code: INVALID_VALUE }))
    return new Promise((resolve, reject) => {
      this.waiting.push({ claim, resolve, reject })
      if (!this.isCommitting) void this.drain()
    })
  }

  /**
   * Applies a batch of the outbox in one transaction. Claims that are wrong in themselves go to quarantine before the
   * strongest of each call are chosen, lest a claim of rank 9 drive out a good one. When the rest fails on its content,
   * it is halved until the claims that cannot be applied stand alone; those follow, the others are committed (F70).
   * @throws when Postgres itself is away: nothing was lost, read the batch again later
   */
  async applyBatch(claims: readonly UsageClaim[]): Promise<AppliedBatch> {
    const read = claims.map((claim) => ({ claim, problem: claimProblem(claim) }))
    const wrong = read.flatMap(({ claim, problem }) => (problem === null ? [] : [{ claim, problem }]))
    const applied = await this.applySound(strongestClaims(read.flatMap(({ claim, problem }) => (problem === null ? [claim] : []))))
    for (const { claim, problem } of wrong) await this.quarantine(JSON.stringify(claim), problem)
    return { sums: applied.sums, quarantined: [...wrong.map(({ claim }) => claim.rid), ...applied.quarantined] }
  }

  private async applySound(claims: readonly UsageClaim[]): Promise<AppliedBatch> {
    if (claims.length === 0) return { sums: [], quarantined: [] }
    try {
      return { sums: await this.claims.commitBatch(claims), quarantined: [] }
    } catch (error) {
      if (!isContentError(error)) throw error
      if (claims.length === 1) {
        await this.quarantine(JSON.stringify(claims[0]), (error as Error).message)
        return { sums: [], quarantined: [claims[0]!.rid] }
      }
      const middle = claims.length >> 1
      const first = await this.applySound(claims.slice(0, middle))
      const second = await this.applySound(claims.slice(middle))
      return { sums: newestSums([...first.sums, ...second.sums]), quarantined: [...first.quarantined, ...second.quarantined] }
    }
  }

  /** Keeps text from the outbox that is no claim at all. */
  async quarantine(text: string, reason: string): Promise<void> {
    await this.claims.quarantine(this.ids.uuid(), text, reason)
  }

  private async drain(): Promise<void> {
    this.isCommitting = true
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, MOST_PER_COMMIT)
      try {
        const sums = await this.claims.commitPerTenant(strongestClaims(batch.map((entry) => entry.claim)))
        for (const entry of batch) entry.resolve(sums.filter((sum) => sum.tenantId === entry.claim.tenant_id))
      } catch (error) {
        await this.settleOneByOne(batch, error)
      }
    }
    this.isCommitting = false
  }

  /** A batch that failed on one bad claim must not fail the others. */
  private async settleOneByOne(batch: readonly Waiting[], error: unknown): Promise<void> {
    if (batch.length === 1 || !isContentError(error)) return batch.forEach((entry) => entry.reject(error))
    for (const entry of batch) await this.claims.commitPerTenant([entry.claim]).then(entry.resolve, entry.reject)
  }
}

/** SQLSTATE classes 22 (data), 23 (constraint) and 54 (too large or too deep for a limit): the claim is wrong, not the database. */
function isContentError(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' && /^(22|23|54)/.test(code)
}

function newestSums(sums: readonly CommittedSum[]): CommittedSum[] {
  const newest = new Map<string, CommittedSum>()
  for (const sum of sums) {
    const key = `${sum.tenantId} ${sum.budget}`
    if ((newest.get(key)?.version ?? -1n) <= sum.version) newest.set(key, sum)
  }
  return [...newest.values()]
}
