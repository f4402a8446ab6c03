import { isActive } from './gateway-steps'
import type { Moves } from './moves'
import { wipe } from './redis-scripts'
import { Born, Phase, Ring, Stage, Store, type Call, type State } from './state'
import { forget } from './worker-steps'

// Taken once: in Jest's sandbox every look at a global is a slow one.
const { assign } = Object

/** Every fault the scenario has left, wherever it can make a difference. `reply lost` is added where replies are (moves.ts). */
export function faultSteps(m: Moves): void {
  const { state: s, scenario } = m
  for (const [first, { gateway }] of scenario.calls.entries()) {
    if (scenario.calls.findIndex((call) => call.gateway === gateway) < first) continue
    const hasMemory = s.calls.some((c, i) => scenario.calls[i]!.gateway === gateway && (isRunning(c) || c.ring !== Ring.None))
    if (hasMemory) m.fault('gateway crash', `gateway ${gateway + 1} is killed`, (n) => n.calls.forEach((c, i) => scenario.calls[i]!.gateway === gateway && die(c)))
    if (hasMemory && !((s.stalled >> gateway) & 1)) m.fault('stall', `gateway ${gateway + 1} stalls past its leases`, (n) => (n.stalled |= 1 << gateway))
  }
  for (const [at, w] of s.workers.entries()) {
    if (w.stage !== Stage.Free || w.told) m.fault('worker crash', 'worker is killed', (n) => restart(n, at))
  }
  m.fault('Redis wipe', 'Redis loses its memory', (n) => {
    wipe(n)
    n.redis = Store.Failing
    if (!scenario.untimed.includes('no load outlives a wipe')) for (const c of n.calls) if (c.phase === Phase.Loading) assign(c, { phase: Phase.Idle, readSpent: 0, readVersion: 0 })
  })
  if (s.redis === Store.Up) m.fault('Redis down', 'Redis is away, again and again', (n) => (n.redis = Store.Failing))
  if (s.postgres === Store.Up) m.fault('Postgres down', 'Postgres is away, again and again', (n) => (n.postgres = Store.Failing))
  m.fault('process crash', 'the process is killed, and its Redis with it', (n) => {
    n.calls.forEach(die)
    n.workers.forEach((_, at) => restart(n, at))
    wipe(n)
    assign(n, { born: Born.Open, isBooting: 1 })
  })
}

/** Someone waits for this call, or its gateway still has to end it. */
function isRunning(c: Call): boolean {
  return isActive(c) || c.phase === Phase.Loading || c.phase === Phase.Doubtful
}

/** The gateway's memory of a call is gone, and so is its client. */
function die(c: Call): void {
  if (isRunning(c)) c.phase = Phase.Dead
  assign(c, { ring: Ring.None, ringSpent: 0, ringVersion: 0, readSpent: 0, readVersion: 0 })
}

function restart(n: State, at: number): void {
  forget(n.workers[at]!)
  n.workers[at]!.told = 0
}
