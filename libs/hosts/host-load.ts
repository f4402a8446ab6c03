import { Injectable } from '@nestjs/common'
import { HostMemory, type MemoryWord } from './host-memory'

/** What a gateway tells the others, once a second. */
export interface GatewayWord {
  /** Calls in flight by host; a host it has used lately is named even at zero. */
  readonly hosts: Readonly<Record<string, number>>
  /** What it knows of models it called lately. */
  readonly memory: Readonly<Record<string, MemoryWord>>
  /** It has served a call since it runs: not a worker. */
  readonly serves: boolean
  /** Its name in the shared line, and the calls it runs on slots of others. */
  readonly line: { readonly id: string; readonly borrowed: readonly string[] }
}

/** What the gateways told each other of their calls in flight a second ago at most. */
export interface Roster {
  /** This gateway's id. */
  readonly self: string
  /** By gateway. */
  readonly gateways: ReadonlyMap<string, GatewayWord>
}

/** How many gateways there are of a kind, this one included, and its place among them. */
export interface GatewayPlace {
  readonly count: number
  readonly rank: number
}

/** What the other gateways said of a host, added up. */
interface OthersUse extends GatewayPlace {
  readonly inFlight: number
}

/** A gateway keeps its part of a host's slots for so many seconds after its last call. */
const IDLE_WORDS = 10
const ALONE: OthersUse = { count: 1, rank: 0, inFlight: 0 }

/** Calls in flight at every target: this gateway's to the call, the others' as of their last word. */
@Injectable()
export class HostLoad {
  private readonly own = new Map<string, number>()
  private readonly byTarget = new Map<string, number>()
  /** Words since the last call, by host. */
  private readonly idle = new Map<string, number>()
  /** Words since this gateway came to a host. */
  private readonly said = new Map<string, number>()
  private roster: Roster = { self: '', gateways: new Map() }
  /** By host: added up when the others are heard, since every call asks it of every host of its model. */
  private others: ReadonlyMap<string, OthersUse> = new Map()
  private serving: GatewayPlace = ALONE

  private readonly waiting = new Map<string, number>()
  private hasServed = false
  /** Hosts this gateway has just come to, until it has heard who else uses them. */
  private readonly coming = new Map<string, Promise<void>>()
  private nextMeeting: Promise<void> | null = null
  private meet: () => Promise<void> = () => Promise.resolve()
  private listener: () => void = () => undefined
  /** Of the shared line: this gateway's name there, and the lender of each slot it borrowed, by call. */
  line: { readonly id: string; readonly borrowed: Map<string, string> } = { id: '', borrowed: new Map() }

  constructor(readonly memory: HostMemory) {}

  enter(hostId: string, model: string): void {
    const isNew = !this.idle.has(hostId)
    this.add(hostId, model, 1)
    this.idle.set(hostId, 0)
    this.hasServed = true
    if (isNew) this.come(hostId)
  }

  leave(hostId: string, model: string): void {
    this.add(hostId, model, -1)
  }

  /** This gateway's calls in flight at a model on a host, or at the whole host. */
  ownAt(hostId: string, model?: string): number {
    return (model === undefined ? this.own.get(hostId) : this.byTarget.get(`${hostId} ${model}`)) ?? 0
  }

  /** Every gateway's calls in flight at a host. */
  at(hostId: string): number {
    return this.ownAt(hostId) + (this.others.get(hostId) ?? ALONE).inFlight
  }

  /** Words that this gateway has said since it came to a host: 0 before its first call there. */
  wordsAt(hostId: string): number {
    return this.said.get(hostId) ?? 0
  }

  /** Resolves when it has heard that of those of these hosts to which it came a moment ago; null = there is none. */
  arrival(hosts: readonly { readonly hostId: string }[]): Promise<unknown> | null {
    if (this.coming.size === 0) return null
    const under = hosts.flatMap(({ hostId }) => this.coming.get(hostId) ?? [])
    return under.length > 0 ? Promise.all(under) : null
  }

  /** How many gateways use a host, this one included, and its place among them. */
  users(hostId: string): GatewayPlace {
    return this.others.get(hostId) ?? ALONE
  }

  /** As `users`, of all gateways that serve calls, whichever hosts they use. */
  everybody(): GatewayPlace {
    return this.serving
  }

  /** A call begins or ends to wait for any host of a model here. */
  noteWaiting(model: string, by: 1 | -1): void {
    this.waiting.set(model, (this.waiting.get(model) ?? 0) + by)
  }

  /** Calls that wait here for a host of a model. */
  waitingFor(model: string): number {
    return this.waiting.get(model) ?? 0
  }

  /** Does this gateway use the host, so that it has a part of its slots? */
  isUser(hostId: string): boolean {
    return this.idle.has(hostId)
  }

  /** Calls that a gateway of the shared line runs on slots of others, by its last word. */
  borrowedBy(line: string): readonly string[] {
    return [...this.roster.gateways.values()].find((word) => word.line.id === line)?.line.borrowed ?? []
  }

  /** Calls back after the others' words were heard. */
  onHear(listener: () => void): void {
    this.listener = listener
  }

  /** How this gateway tells the others of itself and hears them, out of turn. */
  onCome(meet: () => Promise<void>): void {
    this.meet = meet
  }

  /** A second went by. A host without calls is named a while longer. */
  age(): void {
    for (const [hostId, words] of this.idle) {
      this.said.set(hostId, (this.said.get(hostId) ?? 0) + 1)
      if (this.ownAt(hostId) > 0) this.idle.set(hostId, 0)
      else if (words >= IDLE_WORDS) this.forget(hostId)
      else this.idle.set(hostId, words + 1)
    }
  }

  /** What this gateway tells the others, once a second and when it comes to a host. */
  word(): GatewayWord {
    return { hosts: Object.fromEntries([...this.idle.keys()].map((hostId) => [hostId, this.ownAt(hostId)])), memory: this.memory.word(), serves: this.hasServed, line: { id: this.line.id, borrowed: [...this.line.borrowed.keys()] } }
  }

  hear(roster: Roster): void {
    this.roster = roster
    const others = new Map<string, OthersUse>()
    let serving: OthersUse = ALONE
    for (const [gateway, { hosts, memory, serves }] of roster.gateways) {
      if (gateway === roster.self) continue
      const isBefore = gateway < roster.self
      for (const [hostId, inFlight] of Object.entries(hosts)) others.set(hostId, joined(others.get(hostId), isBefore, inFlight))
      if (serves) serving = joined(serving, isBefore, 0)
      this.memory.hearOther(memory)
    }
    this.others = others
    this.serving = serving
    this.listener()
  }

  /** Those to which it comes in one turn of the event loop it tells of at once. A host that nobody else uses has nobody to make room for. */
  private come(hostId: string): void {
    this.nextMeeting ??= Promise.resolve().then(() => {
      this.nextMeeting = null
      return this.meet()
    })
    const heard = this.nextMeeting.then(
      () => void (this.users(hostId).count === 1 && this.said.set(hostId, Infinity)),
      () => undefined,
    )
    this.coming.set(hostId, heard.then(() => void this.coming.delete(hostId)))
  }

  private forget(hostId: string): void {
    this.idle.delete(hostId)
    this.said.delete(hostId)
  }

  private add(hostId: string, model: string, by: 1 | -1): void {
    for (const [counts, key] of [[this.own, hostId], [this.byTarget, `${hostId} ${model}`]] as const) {
      const next = (counts.get(key) ?? 0) + by
      if (next > 0) counts.set(key, next)
      else counts.delete(key)
    }
  }
}

function joined({ count, rank, inFlight }: OthersUse = ALONE, isBefore: boolean, calls: number): OthersUse {
  return { count: count + 1, rank: rank + (isBefore ? 1 : 0), inFlight: inFlight + calls }
}
