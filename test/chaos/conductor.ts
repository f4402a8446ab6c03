import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { ageAbandonedClaims } from '../support/books'
import { inflict, placesOf, type Drain } from './faults'
import { LEASE_MS, type Member, type Rig } from './rig'
import type { FaultKind } from './scenarios'
import { CALM_MS, familyOf, type Family, type PlannedFault } from './schedule'

/** What became of a planned fault. Times in ms since the load began. */
export interface FaultRecord extends Omit<PlannedFault, 'kind'> {
  readonly kind: FaultKind | 'installation-kill'
  readonly outcome: 'done' | 'nothing to hurt' | 'not begun' | 'not safe'
  readonly beganAtMs: number | null
  readonly mendedAtMs: number | null
  /** After a long outage of Postgres. */
  readonly drain?: Drain
}

const FORGIVEN_WITHIN_MS = 20_000
const POLL_MS = 100
/** A gateway tells the age of its oldest claim once a second, later where a turn of its ring takes longer. */
const AGE_TOLD_WITHIN_MS = 3_000

/** Carries out a schedule: nothing twice at once, and nothing that would add up to one of the documented exceptions. */
export class Conductor {
  readonly records: FaultRecord[] = []
  private readonly busy = new Map<string, Promise<unknown>>()
  private readonly running: Record<Family, number> = { gateway: 0, redis: 0, other: 0 }
  private readonly mendedAtMs: Record<Family, number> = { gateway: -Infinity, redis: -Infinity, other: -Infinity }
  /** Epoch ms: Redis names its stream entries by it. */
  private gatewayDiedAtMs: number | null = null
  /** Monotonic ms: claims older than this may be known to their gateway alone. */
  private wipedAtMs: number | null = null

  constructor(
    private readonly rig: Rig,
    private readonly startedAtMs: number,
    private readonly tell: (line: string) => void = () => undefined,
  ) {}

  /** Resolves when every fault is mended. Faults that could not begin before `untilMs` are left out. */
  async run(schedule: readonly PlannedFault[], untilMs: number): Promise<void> {
    const deeds: Promise<void>[] = []
    for (const fault of schedule) {
      await sleep(Math.max(0, fault.atMs - this.nowMs()))
      const places = placesOf(fault, this.rig)
      await Promise.all(places.map((place) => this.busy.get(place)))
      const isSafe = await this.untilSafe(fault)
      if (!isSafe || this.nowMs() + fault.forMs > untilMs) {
        this.records.push({ ...fault, outcome: isSafe ? 'not begun' : 'not safe', beganAtMs: null, mendedAtMs: null })
        continue
      }
      let struck = () => {}
      const isStruck = new Promise<void>((resolve) => (struck = resolve))
      const deed = this.carryOut(fault, struck)
      // A victim that takes long to come back keeps nobody else from being hurt.
      places.forEach((place, index) => this.busy.set(place, index === 0 ? deed : Promise.race([isStruck, deed])))
      deeds.push(deed)
    }
    await Promise.all(deeds)
  }

  private nowMs(): number {
    return performance.now() - this.startedAtMs
  }

  private async carryOut(fault: PlannedFault, struck: () => void): Promise<void> {
    const family = familyOf(fault.kind)
    const beganAtMs = Math.round(this.nowMs())
    this.tell(`${(beganAtMs / 1000).toFixed(1)} s  ${fault.kind} for ${fault.forMs} ms`)
    this.running[family]++
    if (fault.kind === 'gateway-kill') this.gatewayDiedAtMs = Date.now()
    const deed = await inflict(fault, this.rig, struck)
    this.running[family]--
    this.mendedAtMs[family] = performance.now()
    if (fault.kind === 'redis-wipe') this.wipedAtMs = this.mendedAtMs[family] + AGE_TOLD_WITHIN_MS
    this.records.push({ ...fault, outcome: deed === false ? 'nothing to hurt' : 'done', beganAtMs, mendedAtMs: Math.round(this.nowMs()), ...(typeof deed === 'object' ? { drain: deed } : {}) })
  }

  /** A gateway's death or stall and a fault of Redis are kept apart: together they are documented to break more. */
  private async untilSafe({ kind }: PlannedFault): Promise<boolean> {
    const family = familyOf(kind)
    if (family === 'other') return true
    // With nobody to talk to there is no load to hurt.
    if (kind === 'gateway-kill') while (this.rig.gateways.filter(({ process }) => process.isAlive).length < 2) await sleep(POLL_MS)
    const rival = family === 'gateway' ? 'redis' : 'gateway'
    while (this.running[rival] > 0 || performance.now() - this.mendedAtMs[rival] < CALM_MS) await sleep(POLL_MS)
    if (family === 'gateway') return this.wipedAtMs === null || this.untilRingsAreTold(this.wipedAtMs)
    return kind !== 'redis-wipe' || this.gatewayDiedAtMs === null || this.untilDeadAreBilled(this.gatewayDiedAtMs)
  }

  /**
   * What a wipe took exists in the rings of the gateways alone until it is confirmed: a death before that is the same
   * pair the other way round. On a busy machine that may take longer than any fixed time. False when it takes too long.
   */
  private async untilRingsAreTold(wipedAtMs: number): Promise<boolean> {
    const deadline = performance.now() + FORGIVEN_WITHIN_MS
    const isTold = async ({ url, process }: Member) => !process.isAlive || performance.now() - 1_000 * (await oldestUnconfirmedSeconds(url)) > wipedAtMs
    while (!(await Promise.all(this.rig.gateways.map(isTold))).every(Boolean)) if (performance.now() > deadline) return false
    else await sleep(POLL_MS)
    this.wipedAtMs = null
    return true
  }

  /**
   * What a dead gateway left exists in Redis alone until it is swept and committed: a wipe before that is the pair
   * {gateway crash + Redis wipe}, which may lose it. False when that takes too long.
   */
  private async untilDeadAreBilled(diedAtMs: number): Promise<boolean> {
    const deadline = performance.now() + FORGIVEN_WITHIN_MS
    const redis = new Redis(this.rig.redis.url)
    redis.on('error', () => undefined)
    try {
      const isSwept = async () => (await scores(redis, 'lease')).every((expiresAtMs) => expiresAtMs > diedAtMs + LEASE_MS)
      while (!(await isSwept())) if (performance.now() > deadline) return false
      else await sleep(POLL_MS)
      const mark = Date.now()
      await ageAbandonedClaims(this.rig.redis.url)
      while (!(await oldestQueued(redis)).every((atMs) => atMs > mark)) if (performance.now() > deadline) return false
      else await sleep(POLL_MS)
      this.gatewayDiedAtMs = null
      return true
    } finally {
      redis.disconnect()
    }
  }
}

/** As a gateway's metrics tell; for ever while it does not answer. */
async function oldestUnconfirmedSeconds(url: string): Promise<number> {
  try {
    const text = await (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(2_000) })).text()
    return Number(/^tollgate_settlement_ring_oldest_seconds (\S+)$/m.exec(text)?.[1] ?? Infinity)
  } catch {
    return Infinity
  }
}

async function scores(redis: Redis, name: string): Promise<number[]> {
  const found: number[] = []
  for (const key of await redis.keys(`{b*}:${name}`)) {
    const pairs = (await redis.zrange(key, '0', '-1', 'WITHSCORES')).flat()
    for (let at = 1; at < pairs.length; at += 2) found.push(Number(pairs[at]))
  }
  return found
}

/** When the oldest entry of each outbox stream was written, epoch ms. */
async function oldestQueued(redis: Redis): Promise<number[]> {
  const found: number[] = []
  for (const key of await redis.keys('{b*}:out')) for (const [id] of await redis.xrange(key, '-', '+', 'COUNT', '1')) found.push(Number(id.split('-')[0]))
  return found
}
