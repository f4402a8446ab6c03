/** Calls a cloud provider may be given at once while it comes back; otherwise it is not counted (routing.md, ejection). */
const CLOUD_PARALLEL = 20

/** A call whose time nobody has learned yet. */
const UNSEEN_CALL_MS = 1_000
/** How many calls at once this gateway may give a target. */
export interface Room {
  /** At most so many in flight; Infinity = not counted. */
  readonly most: number
  /** Under one call at once: how long the target rests after a call, as a multiple of the call's own time. */
  readonly rest: number
}

/**
 * This gateway's part of a host's slots. An Ollama host runs `maxParallel` calls of a model at once and queues the rest
 * without telling anybody, so the gateways never give it more; they divide the slots among those of them that use the
 * host, and nobody gets less than one. While a circuit's slow start lasts, only `share` of the capacity is used.
 * @param rank place of this gateway among the `users`, from 0
 */
export function roomOf(host: { provider: string; maxParallel: number }, share: number, users: number, rank: number): Room {
  const isCounted = host.provider === 'ollama'
  if (share >= 1) return { most: isCounted ? Math.max(1, Math.floor(host.maxParallel / users) + (rank < host.maxParallel % users ? 1 : 0)) : Infinity, rest: 0 }
  const part = (slotsOf(host) * share) / users
  return part >= 1 ? { most: Math.floor(part), rest: 0 } : { most: 1, rest: 1 / part - 1 }
}

/** A gateway's words about its use of a host, one a second: after so many the others have heard of it, and what they gave the host before has ended. */
const HEARD_WORDS = 2
const SETTLED_WORDS = 30
/** Of a host that runs hundreds of calls at once, a gateway nobody has heard of yet takes this part: one call a second would starve its callers. */
const UNHEARD_PART = 1 / 64

/**
 * What a gateway takes of its part (`most`) that has come to a host others use. They divided the slots without it: until they
 * have heard of it it takes one (of many slots a small part), then what their calls leave, which end one by one. Who waits is lent slots meanwhile.
 * @param words that it has said since it came
 * @param others calls of the others in flight there
 */
export function newcomerRoom(most: number, maxParallel: number, words: number, others: number): number {
  if (words >= SETTLED_WORDS) return most
  return Math.max(1, Math.min(most, words < HEARD_WORDS ? Math.floor(maxParallel * UNHEARD_PART) : maxParallel - others))
}

/**
 * Milliseconds until this gateway's first call to a host that came back `sinceMs` ago. Where the allowance of all is less
 * than a call for each, they take turns at its pace, from half a step on: their first calls together would be a herd.
 * 0 or less = now.
 */
export function firstTurnMs(host: { provider: string; maxParallel: number }, share: number, users: number, rank: number, callMs: number | null, sinceMs: number): number {
  const slots = slotsOf(host) * share
  return slots >= users ? 0 : ((rank + 0.5) * (callMs ?? UNSEEN_CALL_MS)) / slots - sinceMs
}

function slotsOf({ provider, maxParallel }: { provider: string; maxParallel: number }): number {
  return provider === 'ollama' ? maxParallel : Math.max(CLOUD_PARALLEL, maxParallel)
}
