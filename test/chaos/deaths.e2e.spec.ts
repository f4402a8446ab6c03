import { findRedisServer } from '../../libs/platform/embedded'
import type { ChaosResult } from './result'
import { runChaos } from './run'
import type { PlannedFault } from './schedule'
import { table } from './table'

const whenServer = findRedisServer() ? describe : describe.skip
const fault = (kind: PlannedFault['kind'], atMs: number, forMs: number, victim = 0): PlannedFault => ({ number: 0, kind, atMs, forMs, victim, side: 'all', degree: 0 })
/** Two gateways and two workers; each dies or stalls once, one worker between commit and confirmation. */
const SCHEDULE = [
  fault('gateway-kill', 1_000, 300),
  fault('worker-kill-unconfirmed', 1_500, 300),
  fault('postgres-stop', 3_800, 1_500),
  fault('gateway-stall', 5_000, 2_200, 1),
  fault('worker-kill', 7_400, 200, 1),
]

whenServer('a short chaos run: gateways killed and stalled, workers killed, Postgres stopped', () => {
  let result: ChaosResult
  beforeAll(async () => {
    result = await runChaos({ scenario: 'mixed', seed: 42_071, loadMs: 9_000, tailMs: 2_000, clients: 12, schedule: SCHEDULE })
    process.stderr.write(`${table(result)}\n`)
  }, 240_000)

  it('breaks no invariant: no call lost, doubled, over-billed or unrecorded, no budget passed, nobody blamed, books at rest', () => {
    expect(result.broken).toEqual([])
  })

  it('did what it set out to do', () => {
    expect(result.faults.map(({ kind, outcome }) => `${kind} ${outcome}`).sort()).toEqual(SCHEDULE.map(({ kind }) => `${kind} done`).sort())
    expect(result.verdict.completed).toBeGreaterThan(20)
    expect(result.verdict.calls).toBeGreaterThan(result.verdict.completed)
    for (const { spentPico } of result.budgets) expect(BigInt(spentPico)).toBeGreaterThan(0n)
  })
})
