/** Part of a pool that may be left out for its health. */
const MOST_EJECTED = 0.34

/** The kind of host that is the operator's own, and loads models. */
const OWN = 'ollama'

/** A deployment that may serve a call: a model on a host, with what is known of the host's health. */
export interface Candidate {
  readonly hostId: string
  readonly hostName: string
  readonly region: string
  readonly provider: string
  readonly model: string
  readonly upstreamModel: string
  /** Digest of the weights there, as the host's own list gives it; null where its kind has none. */
  readonly digest: string | null
  readonly baseUrl: string
  readonly weight: number
  readonly isSandbox: boolean
  /** Routing avoids a flagged target only while another permitted one is healthy (product.md 6). */
  readonly isHealthy: boolean
  /** Its circuit is open: dropped while enough others are left. */
  readonly isOpen: boolean
  /** Its circuit is open, and it is not dropped: too much of the model's hosts would be (libs/hosts, ejection). */
  readonly isLetIn: boolean
  /** Calls this process has in flight there: the less, the sooner it is tried. */
  readonly inFlight: number
  /** Estimated time until a slot is free there; 0 = one is. */
  readonly waitMs: number
  /** Learned time to load the model; 0 = it is in memory, or the host's kind loads none. */
  readonly loadMs: number
  /** The load would push a model out of memory that is in use. */
  readonly displaces: boolean
  /** Models in the host's memory: among equals the emptiest is given a model it has to load. */
  readonly loadedModels: number
}

/** What orders the attempts. */
export interface RouteWish {
  readonly homeRegion: string
  /** Regions the call may leave for; candidates elsewhere are dropped, whatever their health (residency wins). */
  readonly allowedRegions: readonly string[]
  /** Set when the caller named a provider. */
  readonly provider: string | null
  readonly preferredProvider: string
  /** Distance in ms between regions; unknown pairs come last. */
  readonly distanceMs: (from: string, to: string) => number
  readonly maxAttempts: number
  /** False: one provider is tried and no other, the preferred one where it is present, in whatever health (ENABLE_FALLBACK). */
  readonly isFallbackEnabled: boolean
}

/**
 * Ordered attempts: real hosts before sandboxes, healthy before flagged, preferred provider first, one that need not push
 * a model in use out of its memory, nearest region first, own hosts before clouds (no load time of ours is worth a
 * cloud's bill), then the one that begins soonest (model there and slot free, else learned load time and estimated wait), the least loaded for its weight, and by name so that equal inputs give
 * equal answers. Pure.
 */
export function orderAttempts(candidates: readonly Candidate[], wish: RouteWish): Candidate[] {
  const allowed = candidates.filter(
    (candidate) => wish.allowedRegions.includes(candidate.region) && (wish.provider === null || candidate.provider === wish.provider),
  )
  const preference = (candidate: Candidate) => (candidate.provider === wish.preferredProvider ? 0 : 1)
  const distance = (candidate: Candidate) => (candidate.region === wish.homeRegion ? 0 : wish.distanceMs(wish.homeRegion, candidate.region))
  const permitted = wish.isFallbackEnabled ? allowed : ofOneProvider(allowed, (a, b) => Number(a.isSandbox) - Number(b.isSandbox) || preference(a) - preference(b) || distance(a) - distance(b) || byName(a, b))
  const ranked = withoutOpen(permitted).map((one) => ({
    one,
    ranks: [Number(one.isSandbox), Number(!one.isHealthy), preference(one), Number(one.displaces), distance(one), Number(one.provider !== OWN), startMs(one), emptiness(one), one.inFlight / one.weight],
  }))
  ranked.sort((a, b) => compareRanks(a.ranks, b.ranks) || byName(a.one, b.one))
  return ranked.slice(0, wish.maxAttempts).map(({ one }) => one)
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! < b[i]! ? -1 : 1
  return 0
}

function byName(a: Candidate, b: Candidate): number {
  return a.hostName === b.hostName ? 0 : a.hostName < b.hostName ? -1 : 1
}

/**
 * Which of these targets, in their order, a call takes now. A free one that would have to load the model is left alone
 * while one before it has the call begin sooner, wait and all, within `mostWaitMs`: null = stand in line. Pure.
 */
export function takeNow(candidates: readonly Candidate[], hasRoom: (candidate: Candidate) => boolean, mostWaitMs: number): Candidate | null {
  const sooner: Candidate[] = []
  for (const candidate of candidates) {
    if (!hasRoom(candidate)) sooner.push(candidate)
    else if (candidate.loadMs === 0 || !sooner.some((busy) => busy.waitMs <= mostWaitMs && startMs(busy) < startMs(candidate))) return candidate
  }
  return null
}

/** Estimated time until a call begins there. A load that pushes another model out costs that one's load as well. */
function startMs({ waitMs, loadMs, displaces }: Candidate): number {
  return waitMs + loadMs * (displaces ? 2 : 1)
}

/** Only where something must be loaded. */
function emptiness({ loadMs, loadedModels }: Candidate): number {
  return loadMs === 0 ? 0 : loadedModels
}

/** Candidates of the provider of the first one. */
function ofOneProvider(pool: readonly Candidate[], order: (a: Candidate, b: Candidate) => number): readonly Candidate[] {
  const first = pool.toSorted(order)[0]
  return pool.filter((candidate) => candidate.provider === first?.provider)
}

/**
 * Drops targets whose circuit is open: a third of the pool at most (but one always may be), never the last, and none at
 * all once less than half of the pool is left, since the fault is then more likely ours (routing.md, ejection).
 */
function withoutOpen(pool: readonly Candidate[]): readonly Candidate[] {
  const isOut = (candidate: Candidate) => candidate.isOpen && !candidate.isLetIn
  const open = pool.filter(isOut).length
  const isTooMany = open > Math.max(1, Math.floor(pool.length * MOST_EJECTED)) || open === pool.length || (pool.length - open) * 2 < pool.length
  return open === 0 || isTooMany ? pool : pool.filter((candidate) => !isOut(candidate))
}
