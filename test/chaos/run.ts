import { setTimeout as sleep } from 'node:timers/promises'
import { drive, type Outcome } from '../support/traffic'
import { ChaosCalls } from './calls'
import { Conductor } from './conductor'
import { judgeRun, untilRest, type Played } from './judgement'
import type { ChaosResult } from './result'
import { Rig, type RunTenant } from './rig'
import { SCENARIOS, type Scenario, type ScenarioName } from './scenarios'
import { drawSchedule, type PlannedFault } from './schedule'

/** How a clustered run is made. */
export interface RunOptions {
  readonly scenario: ScenarioName
  readonly seed: number
  readonly loadMs: number
  readonly clients: number
  /** Instead of the faults drawn from the seed; all of them happen, however long that takes, and the load goes on until then. */
  readonly schedule?: readonly PlannedFault[]
  /** Load after the last fault: leases, holds and the sweep's pause run out meanwhile. */
  readonly tailMs?: number
  readonly tell?: (line: string) => void
  readonly onEnd?: (result: ChaosResult, evidence: { outcomes: readonly Outcome[]; logs: Record<string, string> }) => void
}

/** Load before the first fault. */
const HEAD_MS = 1_500
const TAIL_MS = 6_000

/** Load, faults, rest, judgement: one run on an installation of its own. */
export async function runChaos(options: RunOptions): Promise<ChaosResult> {
  const { scenario: name, seed, loadMs, clients } = options
  const scenario: Scenario = SCENARIOS[name]
  const rig = await Rig.start({ gateways: scenario.gateways, workers: 2 })
  try {
    const startedAt = new Date().toISOString()
    const tenants = await rig.tenants(scenario.tenants, loadMs)
    const { outcomes, records } = await play(rig, scenario, tenants, options)
    const result = await rig.postgres.withOwner(async (owner) => {
      const atRest = await untilRest(rig.redis.url, owner)
      const played = { outcomes, records, truth: await rig.upstream.truth(), ...atRest }
      return judgeRun(owner, tenants, played, { scenario: name, seed, loadMs, clients, startedAt, isDeathForgotten: false, collapses: rig.members.flatMap(({ process }) => process.collapses) })
    })
    options.onEnd?.(result, { outcomes, logs: Object.fromEntries(rig.members.map(({ process }) => [process.name, process.output])) })
    return result
  } finally {
    await rig.stop()
  }
}

/** Resolves when every call has ended, at the client and upstream. Times of outcomes are ms since the load began. */
async function play(rig: Rig, scenario: Scenario, tenants: readonly RunTenant[], options: RunOptions): Promise<Pick<Played, 'outcomes' | 'records'>> {
  const { seed, loadMs, clients, tailMs = TAIL_MS } = options
  let isOver = false
  const startedAtMs = performance.now()
  const conductor = new Conductor(rig, startedAtMs, options.tell)
  const traffic = drive(new ChaosCalls(seed, scenario.tenants), clients, (index) => rig.urlOf(index), tenants, () => isOver)
  const untilMs = loadMs - tailMs
  if (options.schedule) await conductor.run(options.schedule, Infinity)
  else await conductor.run(drawSchedule(scenario, seed, HEAD_MS, untilMs), untilMs)
  await sleep(Math.max(options.schedule ? tailMs : 0, loadMs - (performance.now() - startedAtMs)))
  isOver = true
  const outcomes = (await traffic).map((outcome) => ({ ...outcome, startedAtMs: outcome.startedAtMs - startedAtMs, endedAtMs: outcome.endedAtMs - startedAtMs }))
  while ((await rig.upstream.active()) > 0) await sleep(20)
  return { outcomes, records: conductor.records }
}
