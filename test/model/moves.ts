import type { Fault, Scenario } from './scenario'
import { initialState, readState, stateBytes, Store, tidy, type State } from './state'

/**
 * Receives every state one step away, to look at and not to keep. `isDuty` false: a fault, a store that fails, a client that may ask. A state that
 * nothing else leaves is at rest.
 */
export type Visit = (label: string, next: State, isDuty: boolean) => void

type Reply<T> = ((next: State, answer: T) => void) | null
type Failure = ((next: State) => void) | null

const KILLS: readonly Fault[] = ['gateway crash', 'process crash']
const WIPES: readonly Fault[] = ['Redis wipe', 'process crash']

/**
 * Builds the states one step away from `state`; processes say what they do, this adds how the network may spoil it. Made
 * once a search and given one state after another: states are overwritten, not made anew, for there are millions.
 */
export class Moves {
  readonly state: State
  private readonly next: State
  private readonly bytes: Uint8Array
  private readonly kinds: readonly Fault[]
  private readonly kills: readonly number[]
  private readonly wipes: readonly number[]
  private isOptional = false

  constructor(
    readonly scenario: Scenario,
    private readonly visit: Visit,
    private readonly isUntidy = false,
  ) {
    this.state = initialState(scenario)
    this.next = initialState(scenario)
    this.bytes = new Uint8Array(stateBytes(this.state))
    this.kinds = [...new Set(scenario.faults)]
    this.kills = KILLS.map((fault) => this.kinds.indexOf(fault)).filter((kind) => kind >= 0)
    this.wipes = WIPES.map((fault) => this.kinds.indexOf(fault)).filter((kind) => kind >= 0)
  }

  /** From here on, steps start from the state written at `at`. */
  start(bytes: Uint8Array, at: number): void {
    this.bytes.set(bytes.subarray(at, at + this.bytes.length))
    readState(this.state, this.bytes, 0)
  }

  /** Something that happens inside one process, or a command whose reply nobody waits for. */
  step(label: string, change: (next: State) => void): void {
    this.go(label, change, true)
  }

  /** What somebody may do and need not. */
  option(label: string, change: (next: State) => void): void {
    this.go(label, change, false)
  }

  /** All that `build` adds may be done and need not. */
  optionally(build: () => void): void {
    this.isOptional = true
    build()
    this.isOptional = false
  }

  /** A command to Redis: runs as one script, and `reply` or `failure` follows; null = it changes nothing. */
  redis<T>(label: string, run: (next: State) => T, reply: Reply<T>, failure: Failure): void {
    this.command(this.state.redis, label, run, reply, failure)
  }

  /** A transaction of Postgres. A failure leaves open whether it was committed. */
  postgres<T>(label: string, run: (next: State) => T, reply: Reply<T>, failure: Failure): void {
    this.command(this.state.postgres, label, run, reply, failure)
  }

  /** A fault, if the scenario has one left of its kind. */
  fault(fault: Fault, label: string, change: (next: State) => void): void {
    const kind = this.kinds.indexOf(fault)
    if (kind < 0 || this.state.faults[kind] === 0) return
    this.option(`FAULT ${label}`, (next) => {
      next.faults[kind]!--
      change(next)
    })
  }

  private go(label: string, change: (next: State) => void, isDuty: boolean): void {
    const { next } = this
    readState(next, this.bytes, 0)
    change(next)
    if (!this.isUntidy) tidy(next, this.scenario, this.mayStrike(this.kills), this.mayStrike(this.wipes))
    this.visit(label, next, isDuty && !this.isOptional)
  }

  /** True while one of these kinds of fault may still strike after the step under way. */
  private mayStrike(kinds: readonly number[]): boolean {
    for (const kind of kinds) if (this.next.faults[kind]! > 0) return true
    return false
  }

  private command<T>(store: number, label: string, run: (next: State) => T, reply: Reply<T>, failure: Failure): void {
    this.step(label, (next) => {
      const answer = run(next)
      reply?.(next, answer)
    })
    const lost = (next: State) => {
      run(next)
      failure?.(next)
    }
    const isHeard = reply !== null || failure !== null
    if (store === Store.Up) {
      if (isHeard) this.fault('reply lost', `${label}: done, its reply is lost`, lost)
      return
    }
    if (isHeard) this.option(`${label}: done, its reply is lost`, lost)
    if (failure) this.option(`${label}: fails`, failure)
  }
}
