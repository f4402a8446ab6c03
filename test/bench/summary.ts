import { total, type Sample } from './measure'
import type { MeasureName, TargetName } from './options'
import type { CpuUs } from './process-figures'
import { CHUNKS } from './upstream-answers'

/** One target under one kind of load: medians over the rounds. NaN = not known. */
export interface Figures {
  readonly measure: MeasureName
  readonly target: TargetName
  readonly callsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Over the upstream alone, in the same round; fixed rate only. */
  readonly addedP50Ms: number
  readonly addedP99Ms: number
  /** CPU µs a call, by kind of process, until everything is settled. */
  readonly cpuUsPerCall: CpuUs
  readonly cpuUsPerCallInAll: number
  readonly cpuUsPerChunk: number
  readonly busyShare: number
  readonly loadBusyShare: number
  readonly rssMib: number
  readonly errors: number
  /** Calls a second when the time to settle what was left counts too: what can be kept up for ever on one core. */
  readonly sustainedPerSecond: number
  readonly lagRecords: number
  /** Usage records a second that the worker settled while the load ran, and after it. */
  readonly settledUnderLoadPerSecond: number
  readonly settledAfterPerSecond: number
}

/** Medians of every measure and target, in the order they were run. */
export function summarise(samples: readonly Sample[]): Figures[] {
  const counted = samples.filter((sample) => sample.round > 0)
  const keys = [...new Set(counted.map(({ measure, target }) => `${measure} ${target}`))]
  return keys.map((key) => {
    const own = counted.filter(({ measure, target }) => `${measure} ${target}` === key)
    const direct = counted.filter(({ measure, target }) => measure === own[0]!.measure && target === 'direct')
    return figuresOf(own, direct)
  })
}

/** The middle value; of two the mean. NaN without any. */
export function median(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function figuresOf(own: readonly Sample[], direct: readonly Sample[]): Figures {
  const { measure, target } = own[0]!
  const of = (read: (sample: Sample) => number) => median(own.map(read))
  const alone = (round: number) => direct.find((sample) => sample.round === round)
  const added = (read: (sample: Sample) => number) => median(own.flatMap((sample) => {
    const floor = alone(sample.round)
    return floor ? [read(sample) - read(floor)] : []
  }))
  const labels = [...new Set(own.flatMap(({ cpuUs }) => Object.keys(cpuUs)))]
  const isRate = measure === 'rate'
  return {
    measure,
    target,
    callsPerSecond: of((sample) => sample.callsPerSecond),
    p50Ms: of(p50),
    p99Ms: of(p99),
    addedP50Ms: isRate ? added(p50) : Number.NaN,
    addedP99Ms: isRate ? added(p99) : Number.NaN,
    cpuUsPerCall: Object.fromEntries(labels.map((label) => [label, of(({ cpuUs, completed }) => (cpuUs[label] ?? 0) / completed)])),
    cpuUsPerCallInAll: of(({ cpuUs, completed }) => (labels.length === 0 ? Number.NaN : total(cpuUs) / completed)),
    cpuUsPerChunk: of(({ cpuUs, completed }) => (labels.length === 0 ? Number.NaN : total(cpuUs) / completed / CHUNKS)),
    busyShare: of((sample) => sample.busyShare),
    loadBusyShare: of((sample) => sample.loadBusyShare),
    rssMib: Math.max(...own.map((sample) => sample.rssMib)),
    errors: own.reduce((sum, sample) => sum + sample.errors, 0),
    sustainedPerSecond: of((sample) => (sample.drain ? sample.completed / (sample.calls / sample.callsPerSecond + sample.drain.drainSeconds) : Number.NaN)),
    lagRecords: of(({ drain }) => drain?.lagRecords ?? Number.NaN),
    settledUnderLoadPerSecond: of((sample) => (sample.drain ? ((sample.completed - sample.drain.lagRecords) * sample.callsPerSecond) / sample.calls : Number.NaN)),
    settledAfterPerSecond: of(({ drain }) => (drain && drain.lagRecords > 0 ? drain.lagRecords / drain.drainSeconds : Number.NaN)),
  }
}

const p50 = (sample: Sample) => sample.p50Ms
const p99 = (sample: Sample) => sample.p99Ms
