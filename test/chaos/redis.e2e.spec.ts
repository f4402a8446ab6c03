import { findRedisServer } from '../../libs/platform/embedded'
import type { ChaosResult } from './result'
import { runChaos } from './run'
import type { PlannedFault } from './schedule'
import { table } from './table'

const whenServer = findRedisServer() ? describe : describe.skip
const fault = (kind: PlannedFault['kind'], atMs: number, forMs: number, side: PlannedFault['side'] = 'all', degree = 0): PlannedFault => ({ number: 0, kind, atMs, forMs, victim: 0, side, degree })
const SCHEDULE = [
  fault('redis-kill', 800, 300),
  fault('redis-reply-lost', 1_800, 60, 'gateways'),
  fault('redis-latency', 2_300, 700, 'gateways', 300),
  fault('redis-black-hole', 3_400, 700, 'all'),
  fault('redis-resets', 4_600, 500, 'workers', 80),
  fault('redis-wipe', 5_600, 300),
]

whenServer('a short chaos run: Redis killed, wiped, slow, silent, reset and its replies lost', () => {
  let result: ChaosResult
  beforeAll(async () => {
    result = await runChaos({ scenario: 'mixed', seed: 42_072, loadMs: 12_000, tailMs: 6_000, clients: 12, schedule: SCHEDULE })
    process.stderr.write(`${table(result)}\n`)
  }, 240_000)

  it('breaks no invariant: no call lost, doubled, over-billed or unrecorded, no budget passed, nobody blamed, books at rest', () => {
    expect(result.broken).toEqual([])
  })

  it('did what it set out to do, and served again after the wipe', () => {
    expect(result.faults.map(({ kind, outcome }) => `${kind} ${outcome}`)).toEqual(SCHEDULE.map(({ kind }) => `${kind} done`))
    expect(result.verdict.completed).toBeGreaterThan(20)
    expect(result.refusals['503 limits_unavailable']).toBeGreaterThan(0)
    expect(result.targets.map(({ what }) => what)).toContain('hard-capped calls let in after redis-wipe (T05)')
  })
})
