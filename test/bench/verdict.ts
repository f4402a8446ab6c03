import type { MeasureName, TargetName } from './options'
import type { Figures } from './summary'

/** One demand on the gateway and whether this run met it; null = not measured. */
export interface Verdict {
  readonly demand: string
  readonly kind: 'floor' | 'goal'
  readonly value: number
  readonly unit: string
  readonly isMet: boolean | null
}

/** The gateway's figures over those of the others. NaN = one of the two was not measured. */
export interface Ratios {
  readonly plainOverFastify: number
  readonly plainOverNode: number
  readonly plainOverPortkey: number
  readonly longOverFastify: number
  readonly longOverNode: number
  readonly longOverPortkey: number
  readonly streamsOverFastify: number
  readonly streamsOverNode: number
  readonly streamsOverPortkey: number
  readonly chunkCpuOverFastify: number
}

/** Finds one row. */
function figuresFor(figures: readonly Figures[], measure: MeasureName, target: TargetName): Figures | undefined {
  return figures.find((row) => row.measure === measure && row.target === target)
}

export function ratiosOf(figures: readonly Figures[]): Ratios {
  const over = (measure: MeasureName, other: TargetName, read: (row: Figures) => number) => {
    const [own, others] = [figuresFor(figures, measure, 'gateway'), figuresFor(figures, measure, other)]
    return own && others ? read(own) / read(others) : Number.NaN
  }
  const calls = (row: Figures) => row.callsPerSecond
  return {
    plainOverFastify: over('plain', 'fastify', calls),
    plainOverNode: over('plain', 'node', calls),
    plainOverPortkey: over('plain', 'portkey', calls),
    longOverFastify: over('long', 'fastify', calls),
    longOverNode: over('long', 'node', calls),
    longOverPortkey: over('long', 'portkey', calls),
    streamsOverFastify: over('streams', 'fastify', calls),
    streamsOverNode: over('streams', 'node', calls),
    streamsOverPortkey: over('streams', 'portkey', calls),
    chunkCpuOverFastify: over('paced', 'fastify', (row) => row.cpuUsPerChunk),
  }
}

/** Every demand of the design on this run. A demand that is not met is a finding, never a failed run: machines differ. */
export function verdicts(figures: readonly Figures[], idleRssMib: number): Verdict[] {
  const ratios = ratiosOf(figures)
  const rate = figuresFor(figures, 'rate', 'gateway')
  const least = (kind: Verdict['kind'], demand: string, value: number, bound: number): Verdict => ({ kind, demand, value, unit: '×', isMet: Number.isNaN(value) ? null : value >= bound })
  const most = (kind: Verdict['kind'], demand: string, value: number, bound: number, unit: string): Verdict => ({ kind, demand, value, unit, isMet: Number.isNaN(value) ? null : value <= bound })
  return [
    least('floor', 'calls/s at least 0.35 × bare Fastify', ratios.plainOverFastify, 0.35),
    most('floor', 'added p50 at the fixed rate at most 2 ms', rate?.addedP50Ms ?? Number.NaN, 2, 'ms'),
    least('goal', 'calls/s at least 0.50 × bare Fastify', ratios.plainOverFastify, 0.5),
    least('goal', 'calls/s at least 10 × Portkey', ratios.plainOverPortkey, 10),
    most('goal', 'added p50 at the fixed rate at most 1 ms', rate?.addedP50Ms ?? Number.NaN, 1, 'ms'),
    most('goal', 'added p99 at the fixed rate at most 5 ms', rate?.addedP99Ms ?? Number.NaN, 5, 'ms'),
    most('goal', 'CPU a streamed chunk at most 1.5 × bare Fastify', ratios.chunkCpuOverFastify, 1.5, '×'),
    most('goal', 'idle memory of the gateway at most 150 MiB', idleRssMib, 150, 'MiB'),
  ]
}
