// T01: the metering protocol holds in every order things can happen in, under every fault; and the checker would notice
// if it did not. README.md says how to read a failure.
import type { Violation } from './invariants'
import { ABLATIONS, FAULTS, threeCalls, TIMINGS, twoCalls, type Ablation, type Fault, type Scenario, type Timing } from './scenario'
import { describeTrace, search, type Findings, type SearchOptions } from './search'
import { Table } from './table'

const MINUTES = 60_000
/** The faults of which any two are combined: 21 pairs. */
const PAIRED = FAULTS.filter((fault) => fault !== 'reply lost')
const PAIRS = PAIRED.flatMap((one, i) => PAIRED.slice(i).map((other): [Fault, Fault] => [one, other]))

/** The only pairs that break anything, and what they break (README.md, What it found). */
const KNOWN: Readonly<Record<string, readonly Violation[]>> = {
  'gateway crash + Redis wipe': ['I1', 'I2', 'I3', 'I5', 'I7'],
  'gateway crash + Redis down': ['I5'],
  'Redis wipe + stall': ['I5'],
}

/** Faults under which a removed rule must be missed, and the invariants that say so. */
const MISSED: Readonly<Record<Ablation, readonly { faults: readonly Fault[]; breaks: Violation }[]>> = {
  reservation: [{ faults: [], breaks: 'I5' }],
  'gateway ring': [{ faults: ['Redis wipe'], breaks: 'I1' }],
  'hold-back of terminal event': [{ faults: ['gateway crash'], breaks: 'I1' }],
  'idempotent insert': [{ faults: ['worker crash'], breaks: 'I3' }, { faults: ['stall'], breaks: 'I3' }], // prettier-ignore
  'absolute (spent, ver)': [{ faults: ['Redis wipe'], breaks: 'I9' }],
  'grace period': [{ faults: ['Redis wipe'], breaks: 'I5' }],
  'claim kept in ring on the direct path + reconcile': [{ faults: ['Redis down'], breaks: 'I5' }],
  'confirmation tracked per rank': [{ faults: ['Redis wipe', 'stall'], breaks: 'I1' }],
  'hold of swept remainder': [{ faults: ['stall'], breaks: 'I5' }],
}

const OWED: Readonly<Record<Timing, { faults: readonly Fault[]; breaks: Violation }>> = {
  'stalls end before the heartbeat does': { faults: ['stall'], breaks: 'I5' },
  'nothing interrupts a grace period': { faults: ['Redis wipe'], breaks: 'I5' },
  'no load outlives a wipe': { faults: ['Redis wipe'], breaks: 'I5' },
}

/** As large as all other pairs together under the loose budget: left to a search by hand (README.md, What it found). */
const TIGHT_ONLY = 'Redis wipe + stall'

const table = new Table()
const tight = (more: Partial<Scenario>) => twoCalls('tight', more)
const loose = (more: Partial<Scenario>) => twoCalls('loose', more)

/** Searches, and adds a line to the table. */
function check(scenario: Scenario, options?: SearchOptions): Findings {
  const findings = search(scenario, options)
  table.add(findings)
  return findings
}

/** The invariants broken; fails with a trace to each one that `known` does not name. */
function brokenBut(known: readonly Violation[], findings: readonly Findings[]): Violation[] {
  const traces = findings.flatMap((found) => [...found.traces.keys()].filter((kind) => !known.includes(kind)).map((kind) => describeTrace(kind, found)))
  if (traces.length > 0) throw new Error(traces.join('\n\n'))
  return [...new Set(findings.flatMap(({ traces: found }) => [...found.keys()]))].sort()
}

afterAll(() => process.stdout.write(`${table.text()}\n`))

describe.each([['none', []], ...FAULTS.map((fault) => [fault, [fault]] as const)] as [string, Fault[]][])('fault: %s', (_, faults) => {
  it('breaks nothing, two calls under a tight budget and a loose one', () => {
    brokenBut([], [check(tight({ faults })), check(loose({ faults }))])
  }, 5 * MINUTES)

  it('breaks nothing, three calls', () => {
    brokenBut([], [check(threeCalls({ faults }))])
  }, 5 * MINUTES)

  it('breaks nothing, clients leaving in mid-stream', () => {
    brokenBut([], [check(tight({ faults, hasCuts: true }))])
  }, 5 * MINUTES)

  it('breaks nothing, two workers', () => {
    brokenBut([], [check(tight({ faults, workers: 2 }))])
  }, 5 * MINUTES)
})

describe('two faults', () => {
  it.each(PAIRS)('%s + %s', (one, other) => {
    const name = `${one} + ${other}`
    const known = KNOWN[name] ?? []
    const found = (name === TIGHT_ONLY ? [tight] : [tight, loose]).map((calls) => check(calls({ faults: [one, other] })))
    expect(brokenBut(known, found)).toEqual(known)
  }, 5 * MINUTES) // prettier-ignore
})

describe('settled in Postgres before the terminal event', () => {
  it('a gateway crash and a Redis wipe lose no completed answer', () => {
    const faults: Fault[] = ['gateway crash', 'Redis wipe']
    brokenBut(['I3', 'I5'], [check(tight({ faults, durability: 'strict' }))])
  }, 5 * MINUTES)

  it.each<[Fault[]]>([[[]], [['process crash']], [['process crash', 'process crash']], [['Postgres down']], [['worker crash', 'process crash']], [['process crash', 'Postgres down']]])('standalone: %j breaks nothing', (faults) => {
    brokenBut([], [check(tight({ faults, durability: 'standalone' }))])
  }, 5 * MINUTES)
})

describe('the checker has teeth', () => {
  it.each(ABLATIONS.flatMap((without) => MISSED[without].map(({ faults, breaks }) => [without, faults, breaks] as const)))('without %s, faults %j, %s breaks', (without, faults, breaks) => {
    const scenario = tight({ faults, without })
    const findings = check(scenario, { until: [breaks] })
    expect(KNOWN[faults.join(' + ')] ?? []).not.toContain(breaks)
    expect([...findings.traces.keys()]).toContain(breaks)
    expect(describeTrace(breaks, findings)).toMatch(/\n +1\. [ABgtwRpF]/)
  }, 5 * MINUTES) // prettier-ignore

  it.each(TIMINGS)('without the assumption "%s" the protocol fails', (timing) => {
    const { faults, breaks } = OWED[timing]
    expect([...check(tight({ faults, untimed: [timing] }), { until: [breaks] }).traces.keys()]).toContain(breaks)
  }, 5 * MINUTES)

  it.each<[Partial<Scenario>]>([[{}], [{ faults: ['gateway crash'] }], [{ faults: ['worker crash', 'Redis down'] }], [{ faults: ['gateway crash', 'Redis down'] }], [{ faults: ['Redis wipe'] }], [{ faults: ['Redis wipe'], without: 'gateway ring' }], [{ faults: ['stall'] }], [{ faults: ['stall'], without: 'hold of swept remainder' }], [{ faults: ['Redis wipe'], without: 'grace period' }]])('finds the same when states are kept apart that it takes for one: %j', (more) => {
    const kinds = (options?: SearchOptions) => [...search(tight(more), options).traces.keys()].sort()
    expect(kinds()).toEqual(kinds({ isUntidy: true }))
  }, 5 * MINUTES) // prettier-ignore

  it('looked at 100 000 states at least', () => {
    expect(table.states).toBeGreaterThan(100_000)
  })
})
