import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { drive, randomOf, type Calls, type MixedCall, type Outcome } from '../support/traffic'
import type { FaultRecord } from './conductor'
import { Installation, MODEL } from './installation'
import { judgeRun, untilRest } from './judgement'
import type { ChaosResult } from './result'
import type { RunTenant } from './rig'

/** How a run of the installation in one process is made. */
export interface StandaloneOptions {
  /** What is killed: all of it at once, or its Postgres alone. */
  readonly scenario: 'standalone' | 'standalone-postgres'
  readonly seed: number
  readonly loadMs: number
  readonly clients: number
  readonly tell?: (line: string) => void
  readonly onEnd?: (result: ChaosResult, evidence: { outcomes: readonly Outcome[]; logs: Record<string, string> }) => void
}

/** What the demo price list asks for its model, pico a token. */
const PRICE = { input: 100_000n, output: 200_000n }
const ANSWER_WORDS = 250
/** Of load between the mending of a fault and the next one. */
const LIFE_MS = [1_000, 5_000] as const
/** After the last start: what the one before was doing is billed, holds run out. */
const TAIL_MS = 3_000
/** Pico a second of load of the tenant whose budget runs out. */
const TIGHT_BUDGET = 10_000_000n
const TENANTS = [
  { slug: 'umbrella-enterprise', name: 'open', share: 0.7 },
  { slug: 'initech-premium', name: 'tight', share: 0.3 },
] as const

/** Kills the installation with everything in it, or its Postgres, as often as the time allows, and judges its books (T49). */
export async function runStandalone(options: StandaloneOptions): Promise<ChaosResult> {
  const { scenario, seed, loadMs, clients } = options
  const installation = await Installation.start(ANSWER_WORDS)
  try {
    const startedAt = new Date().toISOString()
    const tenants = await tenantsOf(installation, loadMs)
    const records: FaultRecord[] = []
    const startedAtMs = performance.now()
    const nowMs = () => performance.now() - startedAtMs
    let isOver = false
    const traffic = drive(callsOf(seed), clients, () => installation.url, tenants, () => isOver)
    await hurtAgainAndAgain(installation, records, options, nowMs)
    await sleep(Math.max(0, loadMs - nowMs()))
    isOver = true
    const outcomes = (await traffic).map((outcome) => ({ ...outcome, startedAtMs: outcome.startedAtMs - startedAtMs, endedAtMs: outcome.endedAtMs - startedAtMs }))
    while ((await installation.upstream.active()) > 0) await sleep(20)
    const result = await installation.withOwner(async (owner) => {
      const atRest = await untilRest(installation.redisUrl, owner)
      const played = { outcomes, records, truth: await installation.upstream.truth(PRICE), ...atRest }
      return judgeRun(owner, tenants, played, { scenario, seed, loadMs, clients, startedAt, isDeathForgotten: scenario === 'standalone', collapses: installation.process.collapses })
    })
    options.onEnd?.(result, { outcomes, logs: { installation: installation.process.output } })
    return result
  } finally {
    await installation.stop()
  }
}

/** Two of the demo tenants on the tier without low limits, one with a budget that will not last. */
async function tenantsOf(installation: Installation, loadMs: number): Promise<RunTenant[]> {
  const { tenants } = JSON.parse(readFileSync(join(installation.dataDir, 'standalone.json'), 'utf8')) as { tenants: { slug: string; api_key: string }[] }
  const limitPico = (TIGHT_BUDGET * BigInt(Math.round(loadMs))) / 1_000n
  return installation.withOwner(async (owner) => {
    await owner.query(`UPDATE tenant SET tier = 'enterprise', max_budget_pico = $1 WHERE slug = 'initech-premium'`, [limitPico.toString()])
    const { rows } = await owner.query<{ id: string; slug: string }>('SELECT id, slug FROM tenant')
    return TENANTS.map(({ slug, name }) => ({ id: rows.find((row) => row.slug === slug)!.id, slug, keyId: '', key: tenants.find((tenant) => tenant.slug === slug)!.api_key, name, limitPico: name === 'tight' ? limitPico : null }))
  })
}

async function hurtAgainAndAgain(installation: Installation, records: FaultRecord[], { scenario, seed, loadMs, tell }: StandaloneOptions, nowMs: () => number): Promise<void> {
  const random = randomOf(seed)
  for (let number = 1; ; number++) {
    const lifeMs = Math.round(LIFE_MS[0] + random() * (LIFE_MS[1] - LIFE_MS[0]))
    if (nowMs() + lifeMs > loadMs - TAIL_MS) return
    await sleep(lifeMs)
    const beganAtMs = Math.round(nowMs())
    const kind = scenario === 'standalone' ? 'installation-kill' : 'postgres-stop'
    tell?.(`${(beganAtMs / 1000).toFixed(1)} s  ${kind}`)
    await (scenario === 'standalone' ? installation.dieAndReturn() : installation.crashPostgres())
    records.push({ number, kind, atMs: beganAtMs, forMs: 0, victim: 0, side: 'all', degree: 0, outcome: 'done', beganAtMs, mendedAtMs: Math.round(nowMs()) })
  }
}

function callsOf(seed: number): Calls {
  return {
    at: (index): MixedCall => {
      const random = randomOf(seed ^ Math.imul(index + 1, 0x9e3779b1))
      const isStream = random() < 0.6
      return {
        path: random() < 0.5 ? '/chat' : '/v1/chat/completions',
        model: MODEL,
        words: 1 + Math.floor(random() * 30),
        isStream,
        leavesAfter: random() < 0.06 ? 1 + Math.floor(random() * (isStream ? 40 : 400)) : null,
        maxTokens: random() < 0.8 ? 2 + Math.floor(random() * 60) : 2 + Math.floor(random() * 300),
        tenant: random() < TENANTS[0].share ? 0 : 1,
      }
    },
  }
}
