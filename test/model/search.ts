import { faultSteps } from './faults'
import { gatewaySteps } from './gateway-steps'
import { VIOLATIONS, violationsAlways, violationsAtRest, violationsOfStep, type Violation } from './invariants'
import { Moves } from './moves'
import type { Scenario } from './scenario'
import { initialState, stateBytes, writeState, type State } from './state'
import { Visited } from './visited'
import { timeSteps, workerSteps } from './worker-steps'

/** What a whole search found. */
export interface Findings {
  readonly scenario: Scenario
  readonly states: number
  /** Of processor time: the machine may have other work. */
  readonly seconds: number
  /** The shortest trace to each kind of violation: every state on the way as bytes, the first one included. */
  readonly traces: ReadonlyMap<Violation, readonly Uint8Array[]>
}

/** A search gives up here: a model that grew by mistake must not take the machine with it. */
const MOST_STATES = 3_000_000

/** How a search may be cut short or lengthened. */
export interface SearchOptions {
  /** Stop as soon as one of these is violated: enough to see that something breaks. Without, it goes on past violations. */
  readonly until?: readonly Violation[]
  /** Keep states apart that differ in nothing that matters: to see that `tidy` hides nothing. */
  readonly isUntidy?: boolean
}

/** Visits every state that any interleaving of a scenario reaches, breadth first. */
export function search(scenario: Scenario, { until = [], isUntidy = false }: SearchOptions = {}): Findings {
  const startedAt = process.cpuUsage()
  const first = initialState(scenario)
  const stride = stateBytes(first)
  const visited = new Visited(stride)
  const ends = new Map<Violation, number>()
  const note = (kinds: readonly Violation[], number: number) => kinds.forEach((kind) => ends.has(kind) || ends.set(kind, number))
  visited.add(first, -1)
  let [number, isResting] = [0, true]
  const moves = new Moves(scenario, (_, next, isDuty) => {
    const added = visited.add(next, number)
    if (isDuty && added !== ~number) isResting = false
    if (added >= 0) note(violationsAlways(next, scenario), added)
    note(violationsOfStep(moves.state, next), added >= 0 ? added : ~added)
  }, isUntidy)
  for (; number < visited.size; number++) {
    moves.start(visited.bytes, number * stride)
    isResting = true
    addSteps(moves)
    if (isResting) note(violationsAtRest(moves.state), number)
    if (until.some((kind) => ends.has(kind))) break
    if (visited.size > MOST_STATES) throw new Error(`${scenario.name}: more than ${MOST_STATES} states`)
  }
  const bytesOf = (number: number) => visited.bytes.slice(number * stride, (number + 1) * stride)
  const traces = new Map([...ends].map(([kind, number]) => [kind, visited.pathTo(number).map(bytesOf)]))
  return { scenario, states: visited.size, seconds: process.cpuUsage(startedAt).user / 1e6, traces }
}

/** All steps from the state that `moves` stands at. */
export function addSteps(moves: Moves): void {
  gatewaySteps(moves)
  workerSteps(moves)
  timeSteps(moves)
  faultSteps(moves)
}

/** A trace to read: every step with the figures it left. */
export function describeTrace(kind: Violation, { scenario, traces }: Findings): string {
  const calls = scenario.calls.map(({ estimate, usage, gateway }, i) => `${String.fromCharCode(65 + i)}: estimate ${estimate}, usage ${usage}, gateway ${gateway + 1}`)
  const lines = [`${VIOLATIONS[kind]} - ${scenario.name}, budget ${scenario.limit} (${calls.join('; ')})`]
  const path = traces.get(kind) ?? []
  const bytes = new Uint8Array(path[0]?.length ?? 0)
  let wanted: Uint8Array = bytes
  let found = ''
  const moves = new Moves(scenario, (label, next) => {
    writeState(next, bytes)
    if (!found && wanted.every((byte, i) => byte === bytes[i])) found = label
  })
  for (let at = 1; at < path.length; at++) {
    moves.start(path[at - 1]!, 0)
    found = ''
    wanted = path[at]!
    addSteps(moves)
    moves.start(wanted, 0)
    lines.push(`${String(at).padStart(3)}. ${found.padEnd(66)} ${figures(moves.state)}`)
  }
  return lines.join('\n')
}

function figures(s: State): string {
  return `Redis conf ${s.confirmed}${s.isLoaded ? '' : '?'} v${s.version} unconf ${s.unconfirmed} resv ${s.reserved} | Postgres spent ${s.spent} v${s.spentVersion}`
}
