/** What can be done to a running installation. `place` in faults.ts says to whom. */
export const FAULT_KINDS = [
  'gateway-kill',
  'gateway-stall',
  'worker-kill',
  'worker-kill-unconfirmed',
  'redis-kill',
  'redis-wipe',
  'redis-refuse',
  'redis-black-hole',
  'redis-latency',
  'redis-resets',
  'redis-reply-lost',
  'postgres-stop',
] as const
export type FaultKind = (typeof FAULT_KINDS)[number]

/** A tenant of a run. Budgets are hard. */
export interface ChaosTenant {
  readonly name: string
  /** Share of the calls, relative to the others. */
  readonly share: number
  /** Pico a second of load; a budget that runs out in the middle of the run. `never` = one that is checked and never reached. */
  readonly budget: bigint | 'never' | null
  /** Calls models that ignore max_tokens. */
  readonly isWild?: boolean
}

/** What a run does. */
export interface Scenario {
  /** Kinds of fault, by how often they are drawn. */
  readonly faults: Partial<Record<FaultKind, number>>
  /** Between the mending of a fault and the next one, ms. */
  readonly pauseMs: readonly [number, number]
  /** How long Postgres stays away, ms. */
  readonly postgresMs: readonly [number, number]
  readonly gateways: number
  readonly tenants: readonly ChaosTenant[]
}

const TENANTS: readonly ChaosTenant[] = [
  { name: 'open', share: 5, budget: null },
  { name: 'capped', share: 3, budget: 'never' },
  { name: 'tight', share: 2, budget: 400_000_000n },
]
const base: Scenario = { faults: {}, pauseMs: [200, 1_500], postgresMs: [500, 3_000], gateways: 2, tenants: TENANTS }
const GATEWAY = { 'gateway-kill': 4, 'gateway-stall': 3 }
const WORKER = { 'worker-kill': 2, 'worker-kill-unconfirmed': 2 }
const NETWORK = { 'redis-refuse': 1, 'redis-black-hole': 1, 'redis-latency': 1, 'redis-resets': 1, 'redis-reply-lost': 2 }
const REDIS = { 'redis-kill': 3, ...NETWORK }

/** Every scenario of the clustered deployment; `standalone` is standalone.ts. */
export const SCENARIOS = {
  gateway: { ...base, faults: { 'gateway-kill': 1 } },
  worker: { ...base, faults: { 'worker-kill': 1, 'worker-kill-unconfirmed': 1 } },
  redis: { ...base, faults: REDIS },
  wipe: { ...base, faults: { 'redis-wipe': 1 } },
  postgres: { ...base, faults: { 'postgres-stop': 1 }, postgresMs: [1_000, 30_000] },
  stall: { ...base, faults: { 'gateway-stall': 1 } },
  mixed: { ...base, faults: { ...GATEWAY, ...WORKER, ...REDIS, 'redis-wipe': 2, 'postgres-stop': 3 } },
  budget: {
    ...base,
    faults: { ...GATEWAY, ...WORKER, ...REDIS, 'redis-wipe': 2, 'postgres-stop': 2 },
    gateways: 3,
    tenants: [
      { name: 'tight', share: 5, budget: 500_000_000n },
      { name: 'wild', share: 3, budget: 500_000_000n, isWild: true },
      { name: 'open', share: 2, budget: null },
    ],
  },
} as const satisfies Record<string, Scenario>
export type ScenarioName = keyof typeof SCENARIOS
