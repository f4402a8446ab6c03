import { randomOf } from '../support/traffic'
import type { FaultKind, Scenario } from './scenarios'

/** One fault of a run, drawn before it begins. Times in ms since the load began. */
export interface PlannedFault {
  readonly number: number
  readonly kind: FaultKind
  readonly atMs: number
  readonly forMs: number
  /** Which gateway or worker, modulo their number; for faults of the network, whose connections to Redis. */
  readonly victim: number
  readonly side: 'gateways' | 'workers' | 'all'
  /** redis-latency: ms of delay; redis-resets: ms between resets. */
  readonly degree: number
}

/** What faults of two families would do to each other is the documented exception; see README.md. */
export type Family = 'gateway' | 'redis' | 'other'

/** After a fault of one family, the other one waits so long: leases run out, rings are told, sweeps resume. */
export const CALM_MS = 6_000
const PHASE_FAULTS = [3, 6] as const
const OVERLAP_SHARE = 0.35
const LATENCIES_MS = [50, 200, 1_000]
const SIDES = ['gateways', 'workers', 'all'] as const

/** How long each kind lasts, ms; postgres-stop is the scenario's. */
const LASTS: Record<Exclude<FaultKind, 'postgres-stop'>, readonly [number, number]> = {
  'gateway-kill': [100, 1_200],
  'gateway-stall': [1_800, 4_000],
  'worker-kill': [100, 1_500],
  'worker-kill-unconfirmed': [100, 1_500],
  'redis-kill': [100, 1_500],
  'redis-wipe': [100, 1_000],
  'redis-refuse': [300, 2_500],
  'redis-black-hole': [300, 2_500],
  'redis-latency': [600, 3_000],
  'redis-resets': [500, 2_000],
  'redis-reply-lost': [20, 200],
}
/** What a victim needs to come back, roughly. */
const MENDS_MS: Partial<Record<FaultKind, number>> = { 'gateway-kill': 1_500, 'worker-kill': 1_500, 'worker-kill-unconfirmed': 2_500, 'redis-kill': 300, 'redis-wipe': 3_000, 'postgres-stop': 500 }

/** The family of a kind. */
export function familyOf(kind: FaultKind): Family {
  if (kind.startsWith('gateway')) return 'gateway'
  return kind.startsWith('redis') ? 'redis' : 'other'
}

/** Draws the faults between two instants. The same arguments draw the same faults; a later end only adds some. */
export function drawSchedule(scenario: Scenario, seed: number, fromMs: number, toMs: number): PlannedFault[] {
  const random = randomOf(seed)
  const between = ([low, high]: readonly [number, number]) => Math.round(low + random() * (high - low))
  const faults: PlannedFault[] = []
  let atMs = fromMs
  let family: Family = 'other'
  let left = 0
  for (;;) {
    if (left-- <= 0) {
      const next = otherFamily(scenario, family, random)
      if (family !== 'other' && next !== family) atMs += CALM_MS
      family = next
      left = between(PHASE_FAULTS)
    }
    const kind = drawKind(scenario, family, random)
    const forMs = between(kind === 'postgres-stop' ? scenario.postgresMs : LASTS[kind])
    const victim = Math.floor(random() * 6)
    const side = SIDES[Math.floor(random() * SIDES.length)]!
    const degree = kind === 'redis-latency' ? LATENCIES_MS[Math.floor(random() * LATENCIES_MS.length)]! : between([30, 150])
    const [overlaps, share, pauseMs] = [random() < OVERLAP_SHARE, 0.2 + 0.7 * random(), between(scenario.pauseMs)]
    const endsMs = atMs + forMs + (MENDS_MS[kind] ?? 0)
    if (endsMs > toMs) return faults
    faults.push({ number: faults.length + 1, kind, atMs: Math.round(atMs), forMs, victim, side, degree })
    atMs = overlaps ? atMs + forMs * share : endsMs + pauseMs
  }
}

function kindsOf(scenario: Scenario): [FaultKind, number][] {
  return Object.entries(scenario.faults) as [FaultKind, number][]
}

/** The family whose turn it is: the other one where a scenario has both. */
function otherFamily(scenario: Scenario, last: Family, random: () => number): Family {
  const families = [...new Set(kindsOf(scenario).map(([kind]) => familyOf(kind)))].filter((family) => family !== 'other')
  if (families.length < 2) return families[0] ?? 'other'
  return last === 'other' ? families[Math.floor(random() * families.length)]! : families.find((family) => family !== last)!
}

function drawKind(scenario: Scenario, family: Family, random: () => number): FaultKind {
  const kinds = kindsOf(scenario).filter(([kind]) => familyOf(kind) === family || familyOf(kind) === 'other')
  let at = random() * kinds.reduce((sum, [, weight]) => sum + weight, 0)
  return (kinds.find(([, weight]) => (at -= weight) < 0) ?? kinds.at(-1)!)[0]
}
