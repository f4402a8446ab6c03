import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../support/eventually'
import type { FleetCall, FleetOutcome } from './fleet-calls'
import { FLEET_MODELS, type FleetRig } from './fleet-rig'

/** Eight seconds of tokens, so that every stream is cut if anything cuts it. */
const LONG = 'ok;words=100;gap=80'
/** Tokens of the answers of the steady load. */
const SHORT = 1
const OPEN_WITHIN_MS = 60_000

/** What is asked of the fleet meanwhile. */
export interface RestartLoad {
  readonly streams: number
  readonly perSecond: number
  /** A machine that does not carry the rate falls so many calls behind, and is not given a crowd beyond that. */
  readonly mostOpen: number
  /** Happens under the load before anything is restarted. */
  readonly begin?: () => Promise<void>
}

/** What came of it. */
export interface RestartResult {
  readonly outcomes: readonly FleetOutcome[]
  /** Calls of the steady load that were begun a second while something restarted, as the machine carried them. */
  readonly perSecond: number
  /** Of the gateways and the worker, in turn. */
  readonly exitCodes: readonly (number | null)[]
}

/**
 * T44: SIGTERM for each gateway and then the worker, one by one, each started again before the next goes, at a steady rate of calls and
 * with that many streams open whenever a gateway goes. @param call makes one, beginning at that gateway; never rejects
 */
export async function rollingRestart(rig: FleetRig, call: (wish: FleetCall, first: number) => Promise<FleetOutcome>, load: RestartLoad): Promise<RestartResult> {
  await Promise.all([...rig.hosts.values()].map(({ url }) => fetch(`${url}/__sim/set`, { method: 'POST', body: JSON.stringify({ behaviour: LONG }) })))
  const outcomes: FleetOutcome[] = []
  const exitCodes: (number | null)[] = []
  const steady = new SteadyLoad(load, async (index) => {
    outcomes.push(await call({ model: FLEET_MODELS[index % FLEET_MODELS.length]!, isStream: index % 4 < 2, words: 3, maxTokens: SHORT }, index))
  })
  await steady.during(async () => load.begin?.())
  for (const gateway of rig.gateways) {
    let open = 0
    const told = (is: 'open' | 'ended') => void (open += is === 'open' ? 1 : -1)
    const streams = Array.from({ length: load.streams }, (_, index) => call({ model: 'phi3', isStream: true, words: 3, told }, index))
    await eventually(() => {
      if (open < load.streams) throw new Error(`${open} of ${load.streams} streams are open`)
    }, { timeoutMs: OPEN_WITHIN_MS })
    await steady.during(async () => exitCodes.push(await rig.restart(gateway)))
    outcomes.push(...(await Promise.all(streams)))
  }
  await steady.during(async () => exitCodes.push(await rig.restart(rig.worker)))
  return { outcomes, exitCodes, perSecond: steady.reached }
}

/** Begins so many calls a second, whether or not the ones before have ended. */
class SteadyLoad {
  private begun = 0
  private lastedMs = 0

  constructor(
    private readonly load: Pick<RestartLoad, 'perSecond' | 'mostOpen'>,
    private readonly begin: (index: number) => Promise<void>,
  ) {}

  /** How many a second it was. */
  get reached(): number {
    return Math.round((this.begun * 1_000) / this.lastedMs)
  }

  /** Runs while `work` does; resolves when its calls have ended too. */
  async during(work: () => Promise<unknown>): Promise<void> {
    const open = new Set<Promise<void>>()
    const startedAtMs = performance.now()
    let isOver = false
    const working = work().finally(() => (isOver = true))
    // What it throws is thrown below, when the calls have ended.
    working.catch(() => undefined)
    for (let due = 0; !isOver; await sleep(5)) {
      const until = Math.floor(((performance.now() - startedAtMs) * this.load.perSecond) / 1_000)
      for (; due < until; due++) {
        if (open.size >= this.load.mostOpen) continue
        const one = this.begin(this.begun++).finally(() => open.delete(one))
        open.add(one)
      }
    }
    this.lastedMs += performance.now() - startedAtMs
    await Promise.all([working, ...open])
  }
}
