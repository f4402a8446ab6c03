import { randomUUID } from 'node:crypto'
import { Agent } from 'undici'
import { addTenant } from '../support/seeding'
import { makeCall, type MixedCall, type Outcome } from '../support/traffic'
import { judgeRun, untilRest } from './judgement'
import type { ChaosResult, Target } from './result'
import { Rig, type RunTenant } from './rig'

/** How the race for a budget is run. */
export interface RaceOptions {
  readonly seed: number
  readonly rounds: number
  readonly tell?: (line: string) => void
}

const CALLS = 500
const FITTING = 100
const MAX_TOKENS = 5
/** A model whose price of input is nothing: a call costs exactly what is reserved for it, and room is never given back. */
const MODEL = 'sim-ok@words=12'
const COST_PICO = BigInt(MAX_TOKENS) * 2_000_000n

/** T11: again and again, five hundred calls at once over three gateways for a budget that pays for exactly a hundred. */
export async function runRace({ seed, rounds, tell }: RaceOptions): Promise<ChaosResult> {
  const startedAt = new Date().toISOString()
  const rig = await Rig.start({
    gateways: 3,
    workers: 2,
    prepare: (owner) => owner.query(`INSERT INTO price (id, model, effective_at, currency, input_pico, output_pico, source) VALUES ($1, $2, '2026-01-01', 'USD', 0, 2000000, 'test')`, [randomUUID(), MODEL]),
  })
  const agent = new Agent()
  try {
    const startedAtMs = performance.now()
    const tenants: RunTenant[] = []
    const outcomes: Outcome[] = []
    for (let round = 0; round < rounds; round++) {
      const limitPico = COST_PICO * BigInt(FITTING)
      const tenant = await rig.postgres.withOwner((owner) => addTenant(owner, { tier: 'enterprise', key: { budgetPico: limitPico, parallel: CALLS } }))
      tenants.push({ ...tenant, name: `round ${round + 1}`, limitPico })
      const call: MixedCall = { path: '/chat', model: MODEL, words: 3, isStream: false, leavesAfter: null, maxTokens: MAX_TOKENS, tenant: round }
      outcomes.push(...(await Promise.all(Array.from({ length: CALLS }, (_, index) => makeCall(rig.urlOf(index), tenant, call, agent)))))
      tell?.(`round ${round + 1}: ${servedIn(outcomes, round)} of ${CALLS} served, ${FITTING} fit`)
    }
    return await rig.postgres.withOwner(async (owner) => {
      const atRest = await untilRest(rig.redis.url, owner)
      const played = { outcomes, records: [], truth: await rig.upstream.truth({ input: 0n, output: 2_000_000n }), ...atRest }
      const loadMs = Math.round(performance.now() - startedAtMs)
      const result = await judgeRun(owner, tenants, played, { scenario: 'race', seed, loadMs, clients: CALLS, startedAt, isDeathForgotten: false, collapses: rig.members.flatMap(({ process }) => process.collapses) })
      const served = tenants.map((_, round) => servedIn(outcomes, round))
      const target: Target = { what: 'calls let in by a budget for a hundred, of five hundred at once (T11)', wanted: '98 to 100 a round', found: `${Math.min(...served)} to ${Math.max(...served)} in ${rounds} rounds`, isMet: Math.min(...served) >= FITTING - 2 && Math.max(...served) <= FITTING }
      const over = served.flatMap((count, round) => (count > FITTING ? [`I5: ${count} calls were served in round ${round + 1}`] : []))
      return { ...result, targets: [target, ...result.targets], budgets: [], broken: [...over, ...result.broken], replay: `npm run chaos -- --scenario race --rounds ${rounds}` }
    })
  } finally {
    await agent.destroy()
    await rig.stop()
  }
}

function servedIn(outcomes: readonly Outcome[], round: number): number {
  return outcomes.filter(({ call, isCompleted }) => call.tenant === round && isCompleted).length
}
