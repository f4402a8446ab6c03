import { Redis } from 'ioredis'
import { Agent, fetch } from 'undici'
import { findRedisServer } from '../../libs/platform/embedded'
import { bucketTag, uuidv7 } from '../../libs/kernel'
import { AdmissionStore } from '../../libs/limits/admission.store'
import { budgetRedisKey } from '../../libs/limits/domain/scopes'
import { RedisClients } from '../../libs/platform/redis'
import type { UsageClaim } from '../../libs/usage'
import { eventually } from '../support'
import { AT_REST, ledgerOf, restOf } from '../support/books'
import { drive, makeCall, type MixedCall, type Outcome } from '../support/traffic'
import { judge } from '../support/verdict'
import { Rig, type Member, type RunTenant } from './rig'

const whenServer = findRedisServer() ? describe : describe.skip
/** `redisTimeoutMs` of the product, which a lost reply may cost twice; and what a busy machine adds. */
const MOST_ADDED_MS = 2 * 250 + 2_500
const CHUNKS = 41
const QUEUED = 10_000

/** A stream of so many chunks. */
const call = (chunks: number, leavesAfter: number | null = null): MixedCall => ({ path: '/chat', model: 'sim-ok@words=60', words: 7, isStream: true, leavesAfter, maxTokens: chunks, tenant: 0 })

whenServer('one gateway and one worker, hurt at every index', () => {
  let rig: Rig
  let gateway: Member
  let worker: Member
  let tenants: RunTenant[]
  const agent = new Agent()
  beforeAll(async () => {
    rig = await Rig.start({ gateways: 1, workers: 1 })
    gateway = rig.gateways[0]!
    worker = rig.workers[0]!
    tenants = await rig.tenants([{ name: 'capped', share: 1, budget: 'never' }], 1_000)
    expect((await ask(call(4))).status).toBe(200)
  }, 240_000)
  afterAll(async () => {
    await agent.destroy()
    await rig?.stop()
  }, 120_000)

  const ask = (what: MixedCall) => makeCall(gateway.url, tenants[0]!, what, agent)
  const atRest = () => rig.postgres.withOwner((owner) => eventually(async () => expect(await restOf(rig.redis.url, owner)).toEqual(AT_REST), { timeoutMs: 60_000 }))

  it(`T14: a client that leaves at any chunk of ${CHUNKS} is billed once, its prompt included, and its upstream stops`, async () => {
    const calls = Array.from({ length: CHUNKS + 1 }, (_, index) => call(CHUNKS, index + 1))
    const outcomes = await drive(calls, 6, () => gateway.url, tenants)
    // Before the first byte: nothing is delivered, and nothing charged.
    const early = fetch(`${gateway.url}/chat`, { method: 'POST', dispatcher: agent, signal: AbortSignal.timeout(150), headers: { authorization: `Bearer ${tenants[0]!.key}`, 'content-type': 'application/json' }, body: JSON.stringify({ message: 'hi', model: 'sim-ok@words=60' }) })
    await expect(early.then((response) => response.text())).rejects.toThrow()
    await atRest()
    const truth = await rig.upstream.truth()
    const left = outcomes.filter(({ isCompleted }) => !isCompleted)
    expect(left.length).toBeGreaterThan(CHUNKS / 2)
    await rig.postgres.withOwner(async (owner) => {
      const ledger = await ledgerOf(owner, tenants[0]!.id)
      expect([...ledger.keys()].sort()).toEqual(truth.requestIds.sort())
      expect([...ledger.values()].filter(({ rows }) => rows !== 1)).toEqual([])
      for (const { rid, call: { leavesAfter } } of left) {
        const { pico, completionTokens } = ledger.get(rid!)!
        expect(pico).toBeLessThanOrEqual(truth.all(rid!))
        // Seven words of prompt, and a piece of body holds one event or more.
        expect(pico).toBeGreaterThanOrEqual(7n * truth.price.input)
        expect(completionTokens).toBeGreaterThanOrEqual(leavesAfter! - 1)
      }
    })
    const stoppedAfterMs = left.map(({ rid, endedAtMs }) => truth.endedAtMs(rid!) - (performance.timeOrigin + endedAtMs)).sort((a, b) => a - b)
    process.stderr.write(`T14: upstream stopped ${Math.round(stoppedAfterMs[left.length >> 1]!)} ms after the client left (median), ${Math.round(stoppedAfterMs.at(-1)!)} at most; wanted ≤ 200\n`)
    // Of an upstream that goes on, all forty-one pieces are made.
    const soon = left.filter(({ call: { leavesAfter } }) => leavesAfter! <= CHUNKS / 4)
    expect(soon.filter(({ rid }) => truth.tokens(rid!) < CHUNKS).length).toBeGreaterThan(soon.length / 2)
  }, 120_000)

  it('T09: the reply of any Redis command may be lost: no call takes longer than two time limits, no counter differs', async () => {
    await gateway.proxy.set({ is: 'none' })
    const whole = await ask(call(20))
    expect(whole.isCompleted).toBe(true)
    const replies = gateway.proxy.replyCount
    const outcomes: Outcome[] = []
    for (let index = 0; index < replies; index++) {
      await eventually(async () => expect((await ask(call(1))).status).toBe(200))
      await gateway.proxy.set({ is: 'cut-nth-reply', index })
      outcomes.push(await ask(call(20)))
      await gateway.proxy.set({ is: 'none' })
    }
    const wholeMs = whole.endedAtMs - whole.startedAtMs
    const mostMs = Math.max(...outcomes.map(({ startedAtMs, endedAtMs }) => endedAtMs - startedAtMs))
    const served = outcomes.filter(({ isCompleted }) => isCompleted).length
    process.stderr.write(`T09: ${replies} replies lost one by one: ${served} calls served, the slowest ${Math.round(mostMs)} ms, ${Math.round(wholeMs)} without a fault\n`)
    expect(outcomes.filter(({ isCompleted, status }) => !isCompleted && status !== 503)).toEqual([])
    expect(served).toBeGreaterThan(replies / 2)
    expect(mostMs).toBeLessThan(wholeMs + MOST_ADDED_MS)
    await atRest()
    await expectExact()
  }, 120_000)

  it('T09: so may those of the worker', async () => {
    let isOver = false
    const traffic = drive({ at: () => call(4) }, 2, () => gateway.url, tenants, () => isOver)
    try {
      for (let index = 0; index < 12; index++) {
        await worker.proxy.set({ is: 'cut-nth-reply', index })
        await eventually(() => expect(worker.proxy.replyCount).toBeGreaterThan(index))
      }
    } finally {
      await worker.proxy.set({ is: 'none' })
      isOver = true
    }
    expect((await traffic).filter(({ isCompleted }) => !isCompleted)).toEqual([])
    await atRest()
    await expectExact()
  }, 120_000)

  it('outbox entries that come twice, in reverse, and with a stale estimate behind the final claim, are booked once', async () => {
    const redis = new Redis(rig.redis.url)
    await worker.process.die()
    const outcomes = await drive(Array.from({ length: 6 }, () => call(4)), 3, () => gateway.url, tenants)
    expect(outcomes.filter(({ isCompleted }) => !isCompleted)).toEqual([])
    const { bucket } = await queuedClaim(redis)
    const stream = `${bucketTag(bucket)}:out`
    const claims = (await redis.xrange(stream, '-', '+')).map(([, fields]) => fields[fields.indexOf('claim') + 1]!)
    expect(claims).toHaveLength(6)
    await redis.del(stream)
    for (const claim of [...claims, ...claims].reverse()) {
      await redis.xadd(stream, '*', 'claim', claim)
      await redis.xadd(stream, '*', 'claim', JSON.stringify({ ...(JSON.parse(claim) as UsageClaim), rank: 0, amount_pico: '1' }))
    }
    await rig.revive(worker)
    await atRest()
    await expectExact()
    await redis.quit()
  }, 120_000)

  /** Every call that reached the upstream is in the books once, and those that went to their end to the unit. */
  async function expectExact(): Promise<void> {
    const truth = await rig.upstream.truth()
    await rig.postgres.withOwner(async (owner) => {
      const { verdict, examples } = await judge([], truth, owner, tenants)
      expect(examples).toEqual([])
      expect(verdict).toMatchObject({ over: 0, unrecorded: 0 })
      const ledger = await ledgerOf(owner, tenants[0]!.id)
      for (const rid of truth.requestIds.filter((id) => ledger.get(id)!.status === 'completed')) expect([rid, ledger.get(rid)!.pico]).toEqual([rid, truth.whole(rid)])
    })
  }

  it(`T42: of ${QUEUED} claims those that cannot be applied go to quarantine, the others are committed`, async () => {
    const redis = new Redis(rig.redis.url)
    await worker.process.die()
    expect((await ask(call(4))).isCompleted).toBe(true)
    const { bucket, template } = await queuedClaim(redis)
    const budgetKeys = template.budgets.map((budget) => budgetRedisKey(bucketTag(bucket), template.tenant_id, ...(budget.split('|') as [string, string])))
    const spoil: ((claim: UsageClaim) => object | string)[] = [
      (claim) => ({ ...claim, amount_pico: '-5000000' }),
      (claim) => ({ ...claim, amount_pico: '1e30' }),
      (claim) => ({ ...claim, day: '2026-02-30' }),
      (claim) => ({ ...claim, status: 'nonsense' }),
      (claim) => ({ ...claim, prompt_tokens: 'NaN' }),
      (claim) => ({ ...claim, rid: 'no id' }),
      (claim) => ({ ...claim, model: 'a\u0000b' }),
      (claim) => ({ ...claim, budgets: 'tenant' }),
      () => 'no claim at all',
    ]
    const clients = await RedisClients.connect(rig.redis.url, 20_000)
    const admissions = new AdmissionStore(clients)
    const settle = (index: number) => {
      const rid = uuidv7(Date.now(), Buffer.from(String(index).padStart(10, '0')))
      const spoiled = index % 1_000 === 500 ? spoil[Math.floor(index / 1_000) % spoil.length] : undefined
      const claim = { ...template, rid, amount_pico: '1000000' }
      const text = spoiled ? spoiled(claim) : claim
      return admissions.settle({ reservation: { rid, bucket, budgetKeys } as never, rank: 1, amountNano: 1_000, tokens: 10, claim: typeof text === 'string' ? text : JSON.stringify(text) })
    }
    for (let from = 0; from < QUEUED; from += 500) await Promise.all(Array.from({ length: 500 }, (_, step) => settle(from + step)))
    clients.close()
    await rig.postgres.withOwner(async (owner) => {
      const count = async (sql: string) => Number((await owner.query(sql)).rows[0].count)
      const before = await count('SELECT count(*) FROM usage')
      const poisoned = QUEUED / 1_000
      await rig.revive(worker)
      const startedAt = performance.now()
      await eventually(async () => expect((await count('SELECT count(*) FROM usage')) - before).toBe(QUEUED - poisoned + 1), { timeoutMs: 60_000 })
      const committedMs = performance.now() - startedAt
      await eventually(async () => expect(await redis.xlen(`${bucketTag(bucket)}:out`)).toBe(0), { timeoutMs: 30_000 })
      process.stderr.write(`T42: ${QUEUED - poisoned} claims committed ${Math.round(committedMs)} ms after the worker's start, ${poisoned} in quarantine; asked: 10 000 ms\n`)
      expect(await count('SELECT count(*) FROM quarantine')).toBe(poisoned)
    })
    // A line of its output for each, which may be under way still.
    await eventually(() => expect(worker.process.output.match(/quarantined/g)?.length).toBe(QUEUED / 1_000))
    // The budget keeps counting what was queued with an amount and could not be applied.
    expect(Number(await redis.hget(budgetKeys[0]!, 'unconf'))).toBe((QUEUED / 1_000) * 1_000)
    await redis.quit()
  }, 120_000)
})

/** The one claim that waits, and the bucket it waits in. */
async function queuedClaim(redis: Redis): Promise<{ bucket: number; template: UsageClaim }> {
  for (const key of await redis.keys('{b*}:out')) {
    const [entry] = await redis.xrange(key, '-', '+', 'COUNT', '1')
    if (entry) return { bucket: Number(key.slice(2, 4)), template: JSON.parse(entry[1][entry[1].indexOf('claim') + 1]!) as UsageClaim }
  }
  throw new Error('no claim is queued')
}
