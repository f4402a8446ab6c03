import { Injectable } from '@nestjs/common'
import { ChainWalk, missing, OrderSearch, problem, type ChainHead, type ChainLink, type ChainProblem } from './domain/chain'
import { LedgerChainStore, type ChainOwner } from './ledger-chain.store'

/** Links read at once: hashing them holds the event loop for a few milliseconds, which other calls can bear. */
const BATCH = 1_000

const UNBALANCED = {
  inserted: 'The ledger row belongs to no call: there is no usage row for it.',
  removed: 'The ledger rows of this call were removed: its usage row stands alone.',
  altered: 'The ledger rows of this call do not add up to the amount of its usage row.',
} as const

/** What became of one tenant's chain. `head` is the last link that held. */
export interface ChainReport extends ChainOwner {
  readonly sealed: number
  readonly unsealed: number
  readonly head: ChainHead
  readonly problem: ChainProblem | null
}

/**
 * Walks hash chains and names the first row that was altered, removed, reordered or inserted. It reads the books as
 * they are while calls go on: what was posted after the walk began counts as unsealed or is walked too.
 */
@Injectable()
export class LedgerVerifyService {
  constructor(private readonly store: LedgerChainStore) {}

  /**
   * @param tenantId null = every tenant, removed ones included
   * @param kept a head that was kept outside: the chain must still hold it
   */
  async verify(tenantId: string | null, kept: ChainHead | null = null): Promise<ChainReport[]> {
    const reports: ChainReport[] = []
    for (const owner of await this.store.owners(tenantId)) reports.push(await this.verifyOwner(owner, kept))
    return reports
  }

  private async verifyOwner(owner: ChainOwner, kept: ChainHead | null): Promise<ChainReport> {
    const walk = new ChainWalk()
    let found = (await this.walk(owner.id, walk, kept)) ?? (await this.looseEnds(owner.id))
    let tail = await this.store.tail(owner.id)
    // What was sealed meanwhile is walked too, so that both counts are of one instant.
    for (; !found && tail.lastSeq > walk.head.seq; tail = await this.store.tail(owner.id)) found = await this.walk(owner.id, walk, kept)
    return { ...owner, sealed: walk.head.seq, unsealed: tail.unsealed, head: walk.head, problem: found }
  }

  /** Goes on from where the walk stands. */
  private async walk(tenantId: string, walk: ChainWalk, kept: ChainHead | null): Promise<ChainProblem | null> {
    let found: ChainProblem | null = null
    let suspect: ChainLink | null = null
    await this.eachLink(tenantId, walk.head.seq, (link) => {
      found = walk.next(link) ?? (kept?.seq === link.seq && kept.hash !== link.hash ? problem('altered', 'chain', link, 'The chain was written anew: this link is not the one that was kept.') : null)
      suspect = link
      return found === null
    })
    if (found) return this.judgeOrder(tenantId, suspect!, walk.head, found)
    return kept && kept.seq > walk.head.seq ? missing(walk.head.seq + 1, `The chain ends before link ${kept.seq}, which was kept.`) : null
  }

  /** Only a link whose hash does not fit can be out of place. */
  private async judgeOrder(tenantId: string, suspect: ChainLink, before: ChainHead, found: ChainProblem): Promise<ChainProblem> {
    const { ledger } = suspect
    if (found.kind !== 'altered' || found.what !== 'ledger' || !ledger) return found
    const search = new OrderSearch({ ...suspect, ledger }, before)
    await this.eachLink(tenantId, 0, (link) => {
      if (link.seq !== suspect.seq) search.see(link)
      return true
    })
    return search.problem
  }

  /** What a chain that holds cannot show: rows it never sealed, and sums that do not add up. */
  private async looseEnds(tenantId: string): Promise<ChainProblem | null> {
    const stray = await this.store.strayRow(tenantId)
    if (stray) return problem('inserted', 'ledger', { ...stray, seq: null }, 'The ledger row was never queued to be sealed, or its link was removed from the end of the chain.')
    const lost = await this.store.lostRow(tenantId)
    if (lost) return problem('removed', 'ledger', { ...lost, seq: null }, 'The ledger row was removed before it was sealed.')
    const call = await this.store.unbalancedCall(tenantId)
    return call && problem(call.kind, call.kind === 'removed' ? 'usage' : 'ledger', { ...call, seq: null }, UNBALANCED[call.kind])
  }

  /** Hands over links in order until `take` answers false. The next ones are read while these are hashed. */
  private async eachLink(tenantId: string, from: number, take: (link: ChainLink) => boolean): Promise<void> {
    let after = from
    let coming = this.store.links(tenantId, after, BATCH)
    for (;;) {
      const links = await coming
      const last = links.at(-1)?.seq ?? after
      const next = last - after === BATCH ? last + 1 : await this.store.nextSeq(tenantId, last)
      after = next === null ? last : next - 1
      coming = next === null ? Promise.resolve([]) : this.store.links(tenantId, after, BATCH)
      // Awaited above in every way but this one, where its outcome no longer matters.
      if (!links.every(take)) return void coming.catch(() => undefined)
      if (next === null) return
    }
  }
}
