import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Fault } from '../support/fault-proxy'
import { projectRoot } from '../support/installation'
import type { Member, Rig } from './rig'
import type { FaultKind } from './scenarios'
import type { PlannedFault } from './schedule'

/** A worker that has nothing to confirm for so long is not killed. */
const CONFIRM_WITHIN_MS = 6_000
/** An outage so long leaves enough behind to watch it go. */
const WATCHED_DRAIN_MS = 5_000
const DRAIN_WITHIN_MS = 60_000

/** Confirmation as it looks on the wire, on a server that knows the script and on one that does not. */
const confirmText = readFileSync(join(projectRoot(), 'libs/limits/lua/confirm.lua'), 'utf8')
const CONFIRM = [createHash('sha1').update(confirmText).digest('hex'), confirmText.slice(0, 60)]

/** What a fault takes away, its victim first; two faults never take the same thing at once. */
export function placesOf({ kind, victim }: PlannedFault, rig: Rig): string[] {
  if (kind.startsWith('gateway')) return [`gateway ${victim % rig.gateways.length}`]
  const worker = `worker ${victim % rig.workers.length}`
  if (kind === 'worker-kill') return [worker]
  if (kind === 'worker-kill-unconfirmed') return [worker, 'redis', ...rig.workers.map((_, index) => `worker ${index}`).filter((place) => place !== worker)]
  return [kind.startsWith('redis') ? 'redis' : 'postgres']
}

/** How fast the workers took up what had gathered while Postgres was away. */
export interface Drain {
  readonly records: number
  readonly perSecond: number
}

/** Inflicts a fault and mends it. @param struck called once only the victim is still away @returns false when there was nothing to hurt */
export async function inflict(fault: PlannedFault, rig: Rig, struck: () => void): Promise<boolean | Drain> {
  const gateway = rig.gateways[fault.victim % rig.gateways.length]!
  const worker = rig.workers[fault.victim % rig.workers.length]!
  const onNetwork = (what: Fault) => disturb(sideOf(fault, rig), what, fault.forMs)
  const deeds: Record<FaultKind, () => Promise<boolean | Drain>> = {
    'gateway-kill': () => killed(gateway, fault, rig),
    'gateway-stall': () => stalled(gateway, fault),
    'worker-kill': () => killed(worker, fault, rig),
    'worker-kill-unconfirmed': () => killedUnconfirmed(worker, fault, rig, struck),
    'redis-kill': () => redisDead(fault, rig, false),
    'redis-wipe': () => redisDead(fault, rig, true),
    'redis-refuse': () => onNetwork({ is: 'refuse' }),
    'redis-black-hole': () => onNetwork({ is: 'black-hole' }),
    'redis-latency': () => onNetwork({ is: 'latency', latencyMs: fault.degree }),
    'redis-reply-lost': () => onNetwork({ is: 'cut-before-reply' }),
    'redis-resets': () => resets(sideOf(fault, rig), fault),
    'postgres-stop': () => postgresDead(fault, rig),
  }
  return deeds[fault.kind]()
}

function sideOf({ side }: PlannedFault, rig: Rig): readonly Member[] {
  return side === 'all' ? rig.members : rig[side]
}

async function killed(member: Member, { forMs }: PlannedFault, rig: Rig): Promise<boolean> {
  await member.process.die()
  await sleep(forMs)
  await rig.revive(member)
  return true
}

async function stalled({ process }: Member, { forMs }: PlannedFault): Promise<boolean> {
  process.freeze()
  await sleep(forMs)
  process.thaw()
  return true
}

/**
 * Kills a worker at the moment it would confirm what it has just committed: the confirmation never leaves. The other
 * workers stand still meanwhile, so that there is something for it to commit.
 */
async function killedUnconfirmed(member: Member, { forMs }: PlannedFault, rig: Rig, struck: () => void): Promise<boolean> {
  const others = rig.workers.filter((worker) => worker !== member)
  for (const { process } of others) process.freeze()
  let death: Promise<void> | null = null
  const fired = new Promise<void>((resolve) => {
    const tell = () => {
      death = member.process.die()
      resolve()
    }
    void member.proxy.set({ is: 'intercept', matches: (bytes) => CONFIRM.some((mark) => bytes.includes(mark)), tell })
  })
  await Promise.race([fired, sleep(CONFIRM_WITHIN_MS)])
  await member.proxy.set({ is: 'none' })
  for (const { process } of others) process.thaw()
  if (!death) return false
  await (death as Promise<void>)
  struck()
  await sleep(forMs)
  await rig.revive(member)
  return true
}

async function redisDead({ forMs }: PlannedFault, { redis }: Rig, isWiped: boolean): Promise<boolean> {
  await redis.die()
  if (isWiped) redis.wipe()
  await sleep(forMs)
  await redis.revive()
  return true
}

async function postgresDead({ forMs }: PlannedFault, { postgres, redis }: Rig): Promise<boolean | Drain> {
  await postgres.die()
  await sleep(forMs)
  await postgres.revive()
  return forMs < WATCHED_DRAIN_MS || drain(redis.url)
}

/** Watches the outbox until it is nearly empty. The clock runs from the first record that leaves. */
async function drain(redisUrl: string): Promise<boolean | Drain> {
  const client = new Redis(redisUrl, { maxRetriesPerRequest: 1 })
  client.on('error', () => undefined)
  try {
    const deadline = performance.now() + DRAIN_WITHIN_MS
    let [most, beganAtMs] = [0, 0]
    while (performance.now() < deadline) {
      const waiting = await queuedIn(client)
      if (waiting >= most) [most, beganAtMs] = [waiting, performance.now()]
      else if (waiting <= most / 20) return { records: most, perSecond: Math.round((most - waiting) / ((performance.now() - beganAtMs) / 1_000)) }
      await sleep(5)
    }
    return true
  } catch {
    // Redis is hurt as well: no figure.
    return true
  } finally {
    client.disconnect()
  }
}

async function queuedIn(client: Redis): Promise<number> {
  const replies = (await client.pipeline(Array.from({ length: 64 }, (_, bucket) => ['xlen', `{b${String(bucket).padStart(2, '0')}}:out`])).exec()) ?? []
  return replies.reduce((sum, [, length]) => sum + Number(length ?? 0), 0)
}

async function disturb(members: readonly Member[], what: Fault, forMs: number): Promise<boolean> {
  await Promise.all(members.map(({ proxy }) => proxy.set(what)))
  await sleep(forMs)
  await Promise.all(members.map(({ proxy }) => proxy.set({ is: 'none' })))
  // What a black hole swallowed never arrives: its connections are of no more use.
  if (what.is === 'black-hole') for (const { proxy } of members) proxy.cut()
  return true
}

async function resets(members: readonly Member[], { forMs, degree }: PlannedFault): Promise<boolean> {
  const endsAtMs = performance.now() + forMs
  while (performance.now() < endsAtMs) {
    for (const { proxy } of members) proxy.cut()
    await sleep(degree)
  }
  return true
}
