import { Agent } from 'undici'
import { findRedisServer } from '../../libs/platform/embedded'
import { eventually } from '../support/eventually'
import type { SeededTenant } from '../support/seeding'
import { randomOf } from '../support/traffic'
import { callFleet, unbilled, type FleetCall, type FleetOutcome } from './fleet-calls'
import { FLEET_REDIS } from './fleet-redis'
import { FLEET_MODELS, FleetRig, type Post } from './fleet-rig'
import { rollingRestart } from './rolling-restart'

const whenServer = findRedisServer() ? describe : describe.skip
const SEED = 44_008
const CLIENTS = 24
/** Their buckets are of every node of a cluster. */
const TENANTS = 12
const FLOOR = 0.999
/** T44. A machine that carries fewer calls a second makes fewer; what it reached is printed. */
const PER_SECOND = 300
/** Other files may run beside this one. */
const MOST_OPEN = 48
const KINDS = [
  { kind: 'one Redis', calls: 1_200, streams: 100 },
  { kind: 'a Redis Cluster of three masters with a replica each', calls: 800, streams: 100 },
] as const

whenServer.each(KINDS)('a fleet of real processes, two gateways, three hosts and one worker, on $kind', ({ kind, calls, streams }) => {
  let rig: FleetRig
  let tenants: SeededTenant[]
  const agent = new Agent({ connections: 512 })
  beforeAll(async () => {
    rig = await FleetRig.start({ redis: FLEET_REDIS[kind] })
    tenants = await Promise.all(Array.from({ length: TENANTS }, () => rig.tenant()))
  }, 240_000)
  afterAll(async () => {
    await agent.destroy()
    await rig?.stop()
  }, 60_000)

  const call = (wish: FleetCall, first: number) => callFleet(rig, tenants[first % TENANTS]!.key, wish, first, agent)
  const count = (outcomes: readonly FleetOutcome[]) => {
    const of = (end: FleetOutcome['end']) => outcomes.filter((outcome) => outcome.end === end).length
    return { calls: outcomes.length, served: of('served'), cut: of('cut'), failed: of('failed'), retried: outcomes.filter(({ tries }) => tries > 1).length }
  }

  it(`serves ${FLOOR * 100} % of the calls that had a live host, while hosts, gateways and Redis are killed at random`, async () => {
    const random = randomOf(SEED)
    const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!
    const draw = (): FleetCall => ({ model: pick(FLEET_MODELS), isStream: random() < 0.5, words: 1 + Math.floor(random() * 12) })
    const felled: Felled = { hosts: 0, gateways: 0, redis: 0 }
    const outcomes: FleetOutcome[] = []
    let next = 0
    const isOver = () => next >= calls && Object.values(felled).every((times) => times > 0)
    const client = async () => {
      while (!isOver()) outcomes.push(await call(draw(), next++))
    }
    const load = Promise.all(Array.from({ length: CLIENTS }, client))
    await faults(rig, randomOf(SEED + 1), felled, isOver)
    await load
    const counts = count(outcomes)
    process.stderr.write(`fleet on ${kind} (seed ${SEED}): ${JSON.stringify({ ...counts, felled })}\n`)
    const isEnough = counts.served / (counts.calls - counts.cut) >= FLOOR
    expect({ isEnough, failed: isEnough ? [] : outcomes.filter(({ end }) => end === 'failed').slice(0, 5) }).toEqual({ isEnough: true, failed: [] })
    expect(await unbilled(rig, outcomes)).toBe(0)
  }, 300_000)

  it(`restarts each of three gateways and the worker, one by one, with ${streams} open streams, ${PER_SECOND} calls a second and no failed one`, async () => {
    await rig.addGateway()
    await eventually(async () => expect((await Promise.all(Array.from({ length: 6 }, (_, index) => call({ model: 'phi3', isStream: false, words: 1 }, index)))).every(({ end, tries }) => end === 'served' && tries === 1)).toBe(true), { timeoutMs: 30_000 })
    const { outcomes, exitCodes, perSecond } = await rollingRestart(rig, call, { streams, perSecond: PER_SECOND, mostOpen: MOST_OPEN })
    process.stderr.write(`rolling restart on ${kind}: ${JSON.stringify({ ...count(outcomes), perSecond })}\n`)
    expect(outcomes.filter(({ end }) => end !== 'served')).toEqual([])
    expect(outcomes.length).toBeGreaterThan(rig.gateways.length * streams)
    expect(exitCodes).toEqual([0, 0, 0, 0])
    expect(await unbilled(rig, outcomes)).toBe(0)
  }, 300_000)
})

/** How often each kind was felled. */
interface Felled {
  hosts: number
  gateways: number
  redis: number
}

/** Fells one after another until the load is over: a host, a gateway or Redis (of a cluster a master), never the last of its kind; twice two hosts at once. */
async function faults(rig: FleetRig, random: () => number, felled: Felled, isOver: () => boolean): Promise<void> {
  const ms = (least: number, most: number) => least + Math.floor(random() * (most - least))
  const pick = (all: readonly Post[]) => all[Math.floor(random() * all.length)]!
  const fellRedis = async () => {
    felled.redis++
    await rig.fellRedis(random)
  }
  const fellHosts = async () => {
    const spared = pick([...rig.hosts.values()])
    const victims = [...rig.hosts.values()].filter((host) => host !== spared).slice(0, ms(1, 3))
    felled.hosts += victims.length
    await Promise.all(victims.map((host) => rig.fell(host, ms(300, 1_200))))
  }
  const fellGateway = async () => {
    felled.gateways++
    await rig.fell(pick(rig.gateways), ms(100, 500))
  }
  for (let turn = 0; !isOver(); turn++) {
    await new Promise((resolve) => setTimeout(resolve, ms(300, 900)))
    if (!isOver()) await [fellHosts, fellGateway, fellHosts, fellRedis][turn % 4]!()
  }
}
