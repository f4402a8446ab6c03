/** A deployment that may serve a call: a model on a host, with what is known of the host's health. */
export interface Candidate {
  readonly hostId: string
  readonly hostName: string
  readonly region: string
  readonly provider: string
  readonly model: string
  readonly upstreamModel: string
  readonly baseUrl: string
  readonly weight: number
  readonly isSandbox: boolean
  /** Routing avoids a flagged target only while another permitted one is healthy (product.md 6). */
  readonly isHealthy: boolean
  /** Calls this process has in flight there: the less, the sooner it is tried. */
  readonly inFlight: number
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
  /** False: only the preferred provider present is tried (ENABLE_FALLBACK). */
  readonly isFallbackEnabled: boolean
}

/**
 * Ordered attempts: real hosts before sandboxes, healthy before flagged, preferred provider first, nearest region first, then the least loaded for
 * its weight, then by name so that equal inputs give equal answers. Pure.
 */
export function orderAttempts(candidates: readonly Candidate[], wish: RouteWish): Candidate[] {
  const permitted = candidates.filter(
    (candidate) => wish.allowedRegions.includes(candidate.region) && (wish.provider === null || candidate.provider === wish.provider),
  )
  const preference = (candidate: Candidate) => (candidate.provider === wish.preferredProvider ? 0 : 1)
  const distance = (candidate: Candidate) => (candidate.region === wish.homeRegion ? 0 : wish.distanceMs(wish.homeRegion, candidate.region))
  const load = (candidate: Candidate) => candidate.inFlight / candidate.weight
  const ordered = permitted.toSorted(
    (a, b) =>
      Number(a.isSandbox) - Number(b.isSandbox) ||
      Number(b.isHealthy) - Number(a.isHealthy) ||
      preference(a) - preference(b) ||
      distance(a) - distance(b) ||
      load(a) - load(b) ||
      a.hostName.localeCompare(b.hostName),
  )
  const reachable = wish.isFallbackEnabled ? ordered : ordered.filter((candidate) => candidate.provider === ordered[0]!.provider)
  return reachable.slice(0, wish.maxAttempts)
}
