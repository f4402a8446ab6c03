import { GENESIS, sealHash, type LedgerFact } from './seal'

/** A link of the chain as stored, beside the rows it seals as they are now (null = the row is gone). Hashes are hex. */
export interface ChainLink {
  readonly seq: number
  readonly day: string
  readonly rid: string
  readonly rank: number
  readonly usageHash: string | null
  readonly hash: string
  readonly ledger: LedgerFact | null
  readonly usage: { readonly rank: number; readonly hash: string } | null
}

/** The newest link: what an operator keeps outside, since nothing inside can tell that the end was cut off. */
export interface ChainHead {
  readonly seq: number
  readonly hash: string
}

/** What is wrong, where it begins, and in which table it shows. `rid`, `day` and `rank` are null when nothing tells them. */
export interface ChainProblem {
  readonly kind: 'altered' | 'removed' | 'reordered' | 'inserted'
  readonly what: 'ledger' | 'usage' | 'chain'
  readonly seq: number | null
  readonly day: string | null
  readonly rid: string | null
  readonly rank: number | null
  readonly sentence: string
}

/** Walks one tenant's links in order and stops at the first that does not hold. Pure. */
export class ChainWalk {
  private last: ChainHead = { seq: 0, hash: GENESIS }

  /** The last link that held. */
  get head(): ChainHead {
    return this.last
  }

  /** Takes the next link by number. Null = it holds. An altered ledger row may be one of order: see `OrderSearch`. */
  next(link: ChainLink): ChainProblem | null {
    const expected = this.last.seq + 1
    if (link.seq !== expected) return missing(expected, `Link ${expected} was removed from the chain.`)
    if (!link.ledger) return problem('removed', 'ledger', link, 'The ledger row was removed.')
    if (sealHash(this.last.hash, link.seq, link.ledger, link.usageHash) !== link.hash) return problem('altered', 'ledger', link, 'The ledger row or its link was altered.')
    const usageProblem = judgeUsage(link)
    if (usageProblem) return usageProblem
    this.last = { seq: link.seq, hash: link.hash }
    return null
  }
}

/** The usage row is the one that was sealed, or one of a higher rank, which has a ledger row and a link of its own. */
function judgeUsage(link: ChainLink): ChainProblem | null {
  const { usage, rank } = link
  // A final usage row is never replaced, so its link always has a hash of it.
  if (!usage && link.usageHash === null && rank > 0) return problem('inserted', 'ledger', link, 'The ledger row belongs to no call: there never was a usage row for it.')
  if (!usage) return problem('removed', 'usage', link, 'The usage row that the ledger row booked was removed.')
  if (usage.rank > rank) return null
  if (usage.rank === rank && usage.hash === link.usageHash) return null
  return problem('altered', 'usage', link, 'The usage row that the ledger row booked was altered.')
}

/**
 * Tells an altered link from one that is out of place: given the first link that does not hold, it looks through all
 * links for the one that belongs there, and for the place the suspect came from.
 */
export class OrderSearch {
  private hasOwner = false
  private isGenuine = false
  private previous: ChainLink | null = null
  private hashBeforePrevious: string | null

  constructor(
    private readonly suspect: ChainLink & { readonly ledger: LedgerFact },
    private readonly before: ChainHead,
  ) {
    this.hashBeforePrevious = before.seq === 1 ? GENESIS : null
  }

  /** Takes any link but the suspect. */
  see(link: ChainLink): void {
    const { suspect, before } = this
    if (link.seq === before.seq - 1) this.hashBeforePrevious = link.hash
    if (link.seq === before.seq) this.previous = link
    const hash = link.ledger && sealHash(before.hash, before.seq + 1, link.ledger, link.usageHash)
    if (hash === suspect.hash) this.isGenuine = true
    if (hash === link.hash) {
      this.hasOwner = true
      this.isGenuine ||= this.follows(link.hash, before.seq + 2)
    }
    this.isGenuine ||= this.follows(link.hash, link.seq + 1) || this.follows(link.hash, link.seq)
  }

  /** The verdict after every link was seen. */
  get problem(): ChainProblem {
    const isOneTooFar = this.previous !== null && this.hashBeforePrevious !== null && this.follows(this.hashBeforePrevious, this.before.seq)
    if (isOneTooFar) return problem('inserted', 'chain', this.previous!, 'The link was inserted: the next one belongs in its place.')
    if (this.isGenuine) return problem('reordered', 'chain', this.suspect, 'The link is out of place.')
    if (this.hasOwner) return problem('inserted', 'chain', this.suspect, 'The link was inserted: the one that belongs here comes later.')
    return problem('altered', 'ledger', this.suspect, 'The ledger row or its link was altered.')
  }

  /** Is the suspect the true link `seq` after one of this hash? */
  private follows(hash: string, seq: number): boolean {
    return sealHash(hash, seq, this.suspect.ledger, this.suspect.usageHash) === this.suspect.hash
  }
}

/** A problem at a row. */
export function problem(kind: ChainProblem['kind'], what: ChainProblem['what'], at: Pick<ChainLink, 'day' | 'rid' | 'rank'> & { readonly seq: number | null }, sentence: string): ChainProblem {
  return { kind, what, seq: at.seq, day: at.day, rid: at.rid, rank: at.rank, sentence }
}

/** A link that is not there: nothing tells any more which row it sealed. */
export function missing(seq: number, sentence: string): ChainProblem {
  return { kind: 'removed', what: 'chain', seq, day: null, rid: null, rank: null, sentence }
}
