import { randomUUID } from 'node:crypto'
import type { Client } from 'pg'
import { Agent } from 'undici'
import { addTenant } from '../support/seeding'
import { makeCall, type MixedCall, type Outcome } from '../support/traffic'
import { Installation, MODEL as INSTALLED_MODEL } from './installation'
import { judgeRun, untilRest } from './judgement'
import type { ChaosResult, Target } from './result'
import { Rig, type RunTenant } from './rig'
import type { Upstream } from './upstream'

/** How the race for a budget is run. */
export interface RaceOptions {
  /** Over three gateways, or on an installation in one process. */
  readonly scenario: 'race' | 'standalone-race'
  readonly seed: number
  readonly rounds: number
  readonly tell?: (line: string) => void
}

/** What is raced on. */
interface Track {
  readonly upstream: Upstream
  readonly model: string
  readonly redisUrl: string | null
  readonly pepper?: string
  urlOf(index: number): string
  withOwner<T>(work: (owner: Client) => Promise<T>): Promise<T>
  collapses(): readonly string[]
  stop(): Promise<void>
}

const CALLS = 500
const FITTING = 100
const MAX_TOKENS = 5
const ANSWER_WORDS = 12
const MODEL = `sim-ok@words=${ANSWER_WORDS}`
const COST_PICO = BigInt(MAX_TOKENS) * 2_000_000n

/** T11: again and again, five hundred calls at once for a budget that pays for exactly a hundred. */
export async function runRace({ scenario, seed, rounds, tell }: RaceOptions): Promise<ChaosResult> {
  const startedAt = new Date().toISOString()
  const track = await (scenario === 'race' ? overThreeGateways() : inOneProcess())
  const agent = new Agent()
  try {
    const startedAtMs = performance.now()
    const tenants: RunTenant[] = []
    const outcomes: Outcome[] = []
    for (let round = 0; round < rounds; round++) {
      const limitPico = COST_PICO * BigInt(FITTING)
      const tenant = await track.withOwner((owner) => addTenant(owner, { tier: 'enterprise', key: { budgetPico: limitPico, parallel: CALLS } }, track.pepper))
      tenants.push({ ...tenant, name: `round ${round + 1}`, limitPico })
      const call: MixedCall = { path: '/chat', model: track.model, words: 3, isStream: false, leavesAfter: null, maxTokens: MAX_TOKENS, tenant: round }
      outcomes.push(...(await Promise.all(Array.from({ length: CALLS }, (_, index) => makeCall(track.urlOf(index), tenant, call, agent)))))
      tell?.(`round ${round + 1}: ${servedIn(outcomes, round)} of ${CALLS} served, ${FITTING} fit`)
    }
    return await track.withOwner(async (owner) => {
      const atRest = await untilRest(track.redisUrl, owner)
      const played = { outcomes, records: [], truth: await track.upstream.truth({ input: 0n, output: 2_000_000n }), ...atRest }
      const loadMs = Math.round(performance.now() - startedAtMs)
      const result = await judgeRun(owner, tenants, played, { scenario, seed, loadMs, clients: CALLS, startedAt, isDeathForgotten: false, collapses: track.collapses() })
      const served = tenants.map((_, round) => servedIn(outcomes, round))
      const target: Target = { what: 'calls let in by a budget for a hundred, of five hundred at once (T11)', wanted: '98 to 100 a round', found: `${Math.min(...served)} to ${Math.max(...served)} in ${rounds} rounds`, isMet: Math.min(...served) >= FITTING - 2 && Math.max(...served) <= FITTING }
      const over = served.flatMap((count, round) => (count > FITTING ? [`I5: ${count} calls were served in round ${round + 1}`] : []))
      return { ...result, targets: [target, ...result.targets], budgets: [], broken: [...over, ...result.broken], replay: `npm run chaos -- --scenario ${scenario} --rounds ${rounds}` }
    })
  } finally {
    await agent.destroy()
    await track.stop()
  }
}

async function overThreeGateways(): Promise<Track> {
  const rig = await Rig.start({ gateways: 3, workers: 2, prepare: (owner) => addPrice(owner, MODEL, null) })
  return {
    upstream: rig.upstream,
    model: MODEL,
    redisUrl: rig.redis.url,
    urlOf: (index) => rig.urlOf(index),
    withOwner: (work) => rig.postgres.withOwner(work),
    collapses: () => rig.members.flatMap(({ process }) => process.collapses),
    stop: () => rig.stop(),
  }
}

/** Started again once its model has the price of the race and its host room for all at once: it knows both from the start. */
async function inOneProcess(): Promise<Track> {
  const installation = await Installation.start(ANSWER_WORDS)
  try {
    await installation.withOwner(async (owner) => {
      await addPrice(owner, INSTALLED_MODEL, 'ollama')
      await owner.query('UPDATE host SET max_parallel = $1', [CALLS])
    })
    await installation.process.leave()
    await installation.process.start()
  } catch (error) {
    await installation.stop()
    throw error
  }
  return {
    upstream: installation.upstream,
    model: INSTALLED_MODEL,
    redisUrl: installation.redisUrl,
    pepper: installation.pepper,
    urlOf: () => installation.url,
    withOwner: (work) => installation.withOwner(work),
    collapses: () => installation.process.collapses,
    stop: () => installation.stop(),
  }
}

/** A price without input, later than any list's. */
async function addPrice(owner: Client, model: string, provider: string | null): Promise<void> {
  await owner.query(`INSERT INTO price (id, model, provider, effective_at, currency, input_pico, output_pico, source) VALUES ($1, $2, $3, '2026-01-02', 'USD', 0, 2000000, 'test')`, [randomUUID(), model, provider])
}

function servedIn(outcomes: readonly Outcome[], round: number): number {
  return outcomes.filter(({ call, isCompleted }) => call.tenant === round && isCompleted).length
}
