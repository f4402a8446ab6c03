import { parseArgs } from 'node:util'
import type { Side } from './cores'

/** What is put in front of the upstream. `direct` is the upstream alone: the floor of latency and the ceiling of the load. */
export const TARGETS = ['gateway', 'fastify', 'node', 'portkey'] as const
export type TargetName = (typeof TARGETS)[number] | 'direct'

/** What is measured; README.md says what each figure means. */
export const MEASURES = ['plain', 'long', 'streams', 'paced', 'rate'] as const
export type MeasureName = (typeof MEASURES)[number]

/** How one run of the bench is made. Times in seconds as people type them. */
export interface BenchOptions {
  readonly seconds: number
  readonly warmUpSeconds: number
  readonly rounds: number
  readonly connections: number
  readonly perSecond: number
  readonly only: readonly (typeof TARGETS)[number][]
  readonly measures: readonly MeasureName[]
  /** Node flags of the gateway process, e.g. `--max-semi-space-size=32`. */
  readonly gatewayFlags: readonly string[]
  /** Whose core Redis, Postgres and the worker run on. */
  readonly services: Side
  readonly isProfiling: boolean
  readonly isJson: boolean
}

const USAGE = `usage: npm run bench -- [--seconds 4] [--rounds 5] [--connections 32] [--warm-up 5] [--rate 300]
  [--only ${TARGETS.join(',')}] [--measures ${MEASURES.join(',')}] [--services load|measured]
  [--gateway-flags=--max-semi-space-size=32] [--profile] [--json]`

/** A command line that cannot be run; its message is the whole output. */
export class UsageError extends Error {}

/** Reads the command line. @throws UsageError with the usage */
export function readOptions(args: readonly string[]): BenchOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seconds: { type: 'string', default: '4' },
        rounds: { type: 'string', default: '5' },
        connections: { type: 'string', default: '32' },
        'warm-up': { type: 'string', default: '5' },
        rate: { type: 'string', default: '300' },
        only: { type: 'string', default: TARGETS.join(',') },
        measures: { type: 'string', default: MEASURES.join(',') },
        'gateway-flags': { type: 'string', default: '--max-semi-space-size=64 --single-threaded-gc' },
        services: { type: 'string', default: 'load' },
        profile: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    })
    return {
      seconds: positive('seconds', values.seconds),
      warmUpSeconds: positive('warm-up', values['warm-up']),
      rounds: Math.ceil(positive('rounds', values.rounds)),
      connections: Math.ceil(positive('connections', values.connections)),
      perSecond: positive('rate', values.rate),
      only: chosen('only', values.only, TARGETS),
      measures: chosen('measures', values.measures, MEASURES),
      gatewayFlags: values['gateway-flags'].split(' ').filter(Boolean),
      services: chosen('services', values.services, ['load', 'measured'])[0]!,
      isProfiling: values.profile,
      isJson: values.json,
    }
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n${USAGE}`)
  }
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 3600)) throw new Error(`--${name} must be a number above 0 (given: ${text})`)
  return value
}

/** In the order of `all`, whatever the order typed: rounds always go round the same way. */
function chosen<T extends string>(name: string, text: string, all: readonly T[]): T[] {
  const wanted = text.split(',').map((word) => word.trim())
  const unknown = wanted.find((word) => !all.includes(word as T))
  if (unknown !== undefined) throw new Error(`--${name} knows ${all.join(', ')}, not ${unknown}`)
  return all.filter((word) => wanted.includes(word))
}
