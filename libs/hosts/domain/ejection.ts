/** Part of a pool that may be left out for how its calls went, and the part that must be well for that (routing.md, ejection). */
const MOST_EJECTED = 0.34
const LEAST_WELL = 0.5
/** Part of its slots that a host of a doubted pool is given. */
const DOUBTED_SHARE = 0.5

/** A host of a model's pool. */
export interface PoolMember {
  readonly hostId: string
  /** Until when its circuit is open; 0 = closed. */
  readonly openUntilMs: number
  /** Its last probe passed; where its circuit is open, a probe since it opened, and it is the host that is at fault and not the model. */
  readonly isAlive: boolean
}

/** What is done about the open circuits of a pool. */
export interface PoolVerdict {
  /** Hosts that calls go to although their circuit is open. */
  readonly letIn: ReadonlySet<string>
  /** Part of its slots that every host of the pool may be given. */
  readonly share: number
}

/** Where no circuit is open. */
export const WELL: PoolVerdict = { letIn: new Set(), share: 1 }

/**
 * Which hosts are called although their circuit is open: those over the third of the pool (but one) that may be left out,
 * and never the last. Where less than half of the pool is well, calls say more of us than of the hosts: all are called, at
 * half of their slots. What no probe has found alive is no part of the pool: then probes and calls agree. Pure.
 */
export function judgePool(members: readonly PoolMember[]): PoolVerdict {
  if (members.every(({ openUntilMs }) => openUntilMs === 0)) return WELL
  const pool = members.filter(({ isAlive }) => isAlive)
  const open = pool.filter(({ openUntilMs }) => openUntilMs > 0)
  const isDoubted = pool.length - open.length < pool.length * LEAST_WELL
  const mostEjected = isDoubted ? 0 : Math.max(1, Math.floor(pool.length * MOST_EJECTED))
  if (open.length <= mostEjected) return WELL
  const letIn = open.toSorted((a, b) => b.openUntilMs - a.openUntilMs || (a.hostId < b.hostId ? -1 : 1)).slice(mostEjected)
  return { letIn: new Set(letIn.map(({ hostId }) => hostId)), share: isDoubted ? DOUBTED_SHARE : 1 }
}
