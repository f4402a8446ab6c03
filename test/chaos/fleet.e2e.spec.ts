import { Agent } from 'undici'
import { findRedisServer } from '../../libs/platform/embedded'
import { eventually } from '../support/eventually'
import type { SeededTenant } from '../support/seeding'
import { randomOf } from '../support/traffic'
import { callFleet, type FleetCall, type FleetOutcome } from './fleet-calls'
import { FLEET_MODELS, FleetRig, type Post } from './fleet-rig'

const whenServer = findRedisServer() ? describe : describe.skip
const SEED = 44_008
const CLIENTS = 24
const CALLS = 1_200
const STREAMS = 100
/** What hosts answer during the rolling restart: four seconds long, so that every stream is cut if anything cuts it. */
const LONG = 'ok;words=100;gap=40'
const FLOOR = 0.999

whenServer('a fleet of real processes: two gateways, three hosts, one worker', () => {
  let rig: FleetRig
  let tenant: SeededTenant
  const agent = new Agent({ connections: 512 })
  beforeAll(async () => {
    rig = await FleetRig.start()
    tenant = await rig.tenant()
  }, 240_000)
  afterAll(async () => {
    await agent.destroy()
    await rig?.stop()
  }, 60_000)

  const call = (wish: FleetCall, first: number) => callFleet(rig, tenant.key, wish, first, agent)
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
    const isOver = () => next >= CALLS && Object.values(felled).every((times) => times > 0)
    const client = async () => {
      while (!isOver()) outcomes.push(await call(draw(), next++))
    }
    const load = Promise.all(Array.from({ length: CLIENTS }, client))
    await faults(rig, randomOf(SEED + 1), felled, isOver)
    await load
    const counts = count(outcomes)
    process.stderr.write(`fleet (seed ${SEED}): ${JSON.stringify({ ...counts, felled })}\n`)
    const isEnough = counts.served / (counts.calls - counts.cut) >= FLOOR
    expect({ isEnough, failed: isEnough ? [] : outcomes.filter(({ end }) => end === 'failed').slice(0, 5) }).toEqual({ isEnough: true, failed: [] })
    await billedOnce(outcomes)
  }, 300_000)

  it(`restarts each of three gateways and the worker, one by one, with ${STREAMS} open streams, mixed calls and no failed one`, async () => {
    await rig.addGateway()
    await eventually(async () => expect((await Promise.all(Array.from({ length: 6 }, (_, index) => call({ model: 'phi3', isStream: false, words: 1 }, index)))).every(({ end, tries }) => end === 'served' && tries === 1)).toBe(true), { timeoutMs: 30_000 })
    await Promise.all([...rig.hosts.values()].map(({ url }) => fetch(`${url}/__sim/set`, { method: 'POST', body: JSON.stringify({ behaviour: LONG }) })))
    const outcomes: FleetOutcome[] = []
    let isOver = false
    const light = Array.from({ length: 4 }, async (_, lane) => {
      for (let index = lane; !isOver; index++) outcomes.push(await call({ model: FLEET_MODELS[index % FLEET_MODELS.length]!, isStream: lane % 2 === 0, words: 3 }, index))
    })
    for (const { process: gateway } of rig.gateways) {
      const streams = Array.from({ length: STREAMS }, (_, index) => call({ model: 'phi3', isStream: true, words: 3 }, index))
      await eventually(async () => expect(await active(rig)).toBeGreaterThanOrEqual(STREAMS), { timeoutMs: 30_000 })
      expect(await gateway.leave()).toBe(0)
      await rig.raise(gateway)
      outcomes.push(...(await Promise.all(streams)))
    }
    expect(await rig.worker.leave()).toBe(0)
    await rig.raise(rig.worker)
    isOver = true
    await Promise.all(light)
    process.stderr.write(`rolling restart: ${JSON.stringify(count(outcomes))}\n`)
    expect(outcomes.filter(({ end }) => end !== 'served')).toEqual([])
    expect(outcomes.length).toBeGreaterThan(rig.gateways.length * STREAMS)
    await billedOnce(outcomes)
  }, 300_000)

  /** Every whole answer has one usage row, completed, as soon as the worker has caught up. */
  async function billedOnce(outcomes: readonly FleetOutcome[]): Promise<void> {
    const rids = outcomes.flatMap(({ end, rid }) => (end === 'served' ? [rid!] : []))
    await rig.postgres.withOwner(async (owner) => {
      await eventually(async () => {
        const { rows } = await owner.query<{ rows: number; rids: number }>(`SELECT count(*)::int AS rows, count(DISTINCT rid)::int AS rids FROM usage WHERE rid = ANY ($1::uuid[]) AND status = 'completed'`, [rids])
        expect(rows).toEqual([{ rows: rids.length, rids: rids.length }])
      }, { timeoutMs: 60_000 })
    })
  }
})

/** How often each kind was felled. */
interface Felled {
  hosts: number
  gateways: number
  redis: number
}

/** Requests that run on the hosts now. */
async function active(rig: FleetRig): Promise<number> {
  const stats = await Promise.all([...rig.hosts.values()].map(async ({ url }) => (await (await fetch(`${url}/__sim/stats`)).json()) as { active: number }))
  return stats.reduce((sum, one) => sum + one.active, 0)
}

/** Fells one after another until the load is over: a host, a gateway or Redis, never the last of its kind; twice two hosts at once. */
async function faults(rig: FleetRig, random: () => number, felled: Felled, isOver: () => boolean): Promise<void> {
  const ms = (least: number, most: number) => least + Math.floor(random() * (most - least))
  const pick = (all: readonly Post[]) => all[Math.floor(random() * all.length)]!
  const fellRedis = async () => {
    felled.redis++
    await rig.redis.die()
    await new Promise((resolve) => setTimeout(resolve, ms(100, 500)))
    await rig.redis.revive()
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
