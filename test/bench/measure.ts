import type { Child } from './children'
import type { LoadOrder, LoadResult } from './load-run'
import type { BenchOptions, MeasureName, TargetName } from './options'
import { cpuBetween, cpuUsOf, rssMib, type CpuUs } from './process-figures'
import type { Drain, SettlementWatch } from './settlement'
import { loadTarget, type Target } from './targets'
import { CHUNKS, requestBody } from './upstream-answers'

/** One target under one kind of load for some seconds. */
export interface Sample extends LoadResult {
  readonly measure: MeasureName
  readonly target: TargetName
  /** 0 = warm-up, which counts for nothing but the comparison of calls and usage rows. */
  readonly round: number
  /** CPU time of every process of the target until its work was done, settlement included. */
  readonly cpuUs: CpuUs
  /** Share of its core that the target kept busy while the load ran; about 1 = the target was the limit. */
  readonly busyShare: number
  readonly loadBusyShare: number
  /** Most memory of the target's first process, MiB. */
  readonly rssMib: number
  /** Only where usage is settled. */
  readonly drain: Drain | null
}

/** What makes load and what it runs against. */
export interface Rig {
  readonly load: Child
  readonly upstream: Child
  readonly targets: readonly Target[]
  readonly settlement: SettlementWatch | null
}

const RSS_EVERY_MS = 200
const BODY_OF: Readonly<Record<MeasureName, Parameters<typeof requestBody>[0]>> = { plain: 'plain', long: 'long', streams: 'stream', paced: 'paced', rate: 'plain' }

/** Runs one kind of load against one target, and waits until everything it caused is settled. */
async function sample(rig: Rig, options: BenchOptions, measure: MeasureName, target: Target, round: number): Promise<Sample> {
  const seconds = round === 0 ? options.warmUpSeconds : options.seconds
  const order: LoadOrder = {
    target: loadTarget(target, requestBody(BODY_OF[measure])),
    seconds,
    connections: options.connections,
    // Warming up is done at full speed: at a fixed rate the compiler would not have seen enough calls.
    perSecond: measure === 'rate' && round > 0 ? options.perSecond : null,
    leastFrames: measure === 'streams' || measure === 'paced' ? CHUNKS : 0,
  }
  const loadSide = { load: rig.load.pid, upstream: rig.upstream.pid }
  const [before, loadBefore, startedMs] = [cpuUsOf(target.processes), cpuUsOf(loadSide), performance.now()]
  const firstPid = Object.values(target.processes)[0]!
  let mostRssMib = 0
  const timer = setInterval(() => (mostRssMib = Math.max(mostRssMib, rssMib(firstPid))), RSS_EVERY_MS)
  const result = (await rig.load.ask({ kind: 'load', order })) as LoadResult
  clearInterval(timer)
  const elapsedUs = (performance.now() - startedMs) * 1000
  const under = cpuBetween(before, cpuUsOf(target.processes))
  const loadUnder = cpuBetween(loadBefore, cpuUsOf(loadSide))
  const drain = target.name === 'gateway' && rig.settlement ? await rig.settlement.drained() : null
  return {
    ...result,
    measure,
    target: target.name,
    round,
    cpuUs: drain ? cpuBetween(before, cpuUsOf(target.processes)) : under,
    busyShare: total(under) / elapsedUs,
    loadBusyShare: total(loadUnder) / elapsedUs,
    rssMib: mostRssMib,
    drain,
  }
}

/** All rounds of all measures, the targets taking turns, so that a slow minute of the machine meets them all. */
export async function allRounds(rig: Rig, options: BenchOptions, direct: Target, tell: (line: string) => void, onWarm: () => void): Promise<Sample[]> {
  const samples: Sample[] = []
  for (const measure of options.measures) {
    for (let round = 0; round <= options.rounds; round++) {
      if (round === 1) onWarm()
      for (const target of [direct, ...rig.targets]) {
        // Where nothing is subtracted from it, one run of the upstream alone is enough: it shows the load's own limit.
        if (target === direct && measure !== 'rate' && round !== 1) continue
        const one = await sample(rig, options, measure, target, round)
        samples.push(one)
        const trouble = one.errors > 0 ? `, ${one.errors} errors (${one.firstError})` : ''
        tell(`${measure} ${round}/${options.rounds} ${target.label}: ${Math.round(one.callsPerSecond)} calls/s, p50 ${one.p50Ms.toFixed(2)} ms${trouble}`)
      }
    }
  }
  return samples
}

/** Sum over all processes. */
export function total(cpuUs: CpuUs): number {
  return Object.values(cpuUs).reduce((sum, us) => sum + us, 0)
}
