import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { SCENARIOS, type ScenarioName } from './scenarios'

/** What has a file of its own: standalone.ts, race.ts, restart.ts. */
const OTHERS = ['standalone', 'standalone-postgres', 'race', 'standalone-race', 'restart'] as const

/** What the command can play. */
export type Playable = ScenarioName | (typeof OTHERS)[number]

/** How the command is to run. */
export interface ChaosOptions {
  readonly scenario: Playable
  readonly seed: number
  readonly minutes: number
  readonly clients: number
  /** One outage of Postgres of so many seconds in place of the faults drawn; 0 = none. */
  readonly outageSeconds: number
  /** Rounds of the race for a budget. */
  readonly rounds: number
  /** Of the rolling restart: calls a second, streams that are open when a gateway goes, and the build of the release it begins with; null = this one. */
  readonly perSecond: number
  readonly streams: number
  readonly old: string | null
  readonly isCluster: boolean
  readonly isJson: boolean
  readonly isQuiet: boolean
}

const NAMES = [...Object.keys(SCENARIOS), ...OTHERS] as Playable[]
const USAGE = `usage: npm run chaos -- [--scenario ${NAMES.join('|')}] [--minutes 1] [--seed S] [--clients 24] [--json] [--quiet]
  [--scenario postgres --outage 600] one outage of so many seconds  [--scenario race|standalone-race --rounds 50] 500 calls for a budget of 100
  [--scenario restart [--rate 300] [--streams 100] [--cluster] [--old <checkout of an earlier release, built>]] restarts each gateway and the worker, into this release`

/** A command line that cannot be run; its message is the whole output. */
export class UsageError extends Error {}

/** Reads the command line. @param anySeed taken where none is given @throws UsageError with the usage */
export function readOptions(args: readonly string[], anySeed: number): ChaosOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        scenario: { type: 'string', default: 'mixed' },
        minutes: { type: 'string', default: '1' },
        seed: { type: 'string', default: String(anySeed) },
        clients: { type: 'string', default: '24' },
        outage: { type: 'string', default: '0' },
        rounds: { type: 'string', default: '50' },
        rate: { type: 'string', default: '300' },
        streams: { type: 'string', default: '100' },
        old: { type: 'string' },
        cluster: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        quiet: { type: 'boolean', default: false },
      },
    })
    if (!NAMES.includes(values.scenario as Playable)) throw new Error(`--scenario knows ${NAMES.join(', ')}, not ${values.scenario}`)
    return {
      scenario: values.scenario as Playable,
      seed: number('seed', values.seed, 0, 2 ** 31 - 1),
      minutes: number('minutes', values.minutes, 0.2, 600),
      clients: Math.ceil(number('clients', values.clients, 1, 500)),
      outageSeconds: number('outage', values.outage, 0, 3_600),
      rounds: Math.ceil(number('rounds', values.rounds, 1, 1_000)),
      perSecond: number('rate', values.rate, 1, 10_000),
      streams: Math.ceil(number('streams', values.streams, 1, 1_000)),
      old: values.old === undefined ? null : resolve(values.old),
      isCluster: values.cluster,
      isJson: values.json,
      isQuiet: values.quiet,
    }
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n${USAGE}`)
  }
}

function number(name: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (!(value >= least && value <= most)) throw new Error(`--${name} must be a number from ${least} to ${most} (given: ${text})`)
  return value
}
