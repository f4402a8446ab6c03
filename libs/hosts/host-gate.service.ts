import { Inject, Injectable } from '@nestjs/common'
import type { Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { takeNow, type Candidate } from '@tollgate/routing'
import type { CallOutcome } from './health/call-counts'
import { HostLoad } from './host-load'
import { HostRoom } from './host-room.service'
import { HostsService } from './hosts.service'
import type { Standing, Ticket } from './queue/queue.store'
import { SharedLine, type LineKeeper } from './queue/shared-line.service'

/** Slots that open by time and not by a call's end (slow start, other gateways) are looked for this often. */
const LOOK_AGAIN_MS = 50
const LOOKS_A_REMINDER = 5

/** A call's place at a target, at the address its host has now. `leave` must be called once, with how the call went. */
export interface Place {
  readonly candidate: Candidate
  /** Where the call stood when it got in line; null = it did not wait. */
  readonly stood: Standing | null
  leave(outcome: CallOutcome): void
}

/**
 * `busy`: waited in vain, or would have. `gone`: every target was disabled or moved to another region since the call was
 * planned. `refusing`: the providers of all of them refuse most calls, so that this one is not sent.
 */
export interface NoPlace {
  readonly why: 'busy' | 'gone' | 'refusing'
  /** When a slot may be free, as estimated. */
  readonly estimateMs: number
}

interface Waiter {
  readonly id: string
  readonly candidates: readonly Candidate[]
  readonly waitMs: number
  readonly ticket: Ticket
  stood: Standing | null
  hosts: readonly string[]
  readonly end: (place: Place | NoPlace) => void
}

/**
 * The last door before a host. No more calls pass than it works on at once, so it never queues; a call waits here instead, in
 * the line of its model that all gateways share (`queue/`). One that finds a slot free and nobody waiting for it asks nobody.
 * Redis away: each gateway serves its own, first come first served. A target whose circuit opened, or whose host was drained
 * or removed, since the call was planned is passed over while another is left.
 */
@Injectable()
export class HostGate implements LineKeeper {
  private readonly waiting = new Map<string, Waiter>()
  /** Targets whose slots are being given away right now; true = somebody came meanwhile, so that it is looked at once more. */
  private readonly offering = new Map<string, boolean>()
  private looks = 0
  private timer: NodeJS.Timeout | undefined

  constructor(
    private readonly hosts: HostsService,
    private readonly room: HostRoom,
    private readonly load: HostLoad,
    private readonly line: SharedLine,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    line.serve(this)
  }

  /**
   * The first of these targets (of one model), in their order, that has room now; else the first that gets some within
   * `waitMs`. Refused at once where the wait is estimated to be longer.
   * @param isAgain the call was let in before and its host failed: it does not stand in line a second time while a slot is free
   */
  async enter(targets: readonly Candidate[], waitMs: number, signal: AbortSignal, ticket: Ticket, isAgain = false): Promise<Place | NoPlace> {
    const candidates = this.room.takers(targets)
    if (candidates.length === 0) return { why: 'refusing', estimateMs: this.room.askedForMs(targets) }
    // Who else uses a host to which this gateway came a moment ago is about to be known: it is neither taken nor passed over before.
    for (let arrival = this.load.arrival(candidates); arrival !== null; arrival = this.load.arrival(candidates)) await arrival
    const place = this.tryEnter(candidates, waitMs, isAgain)
    if (place !== null || signal.aborted) return place ?? { why: 'busy', estimateMs: 0 }
    return new Promise((resolve) => {
      const giveUp = () => {
        // A free host that would have to load the model was passed over for this: better late than never.
        waiter.end((signal.aborted ? null : this.tryEnter(candidates, 0, false)) ?? { why: 'busy', estimateMs: 0 })
        void this.line.drop(candidates[0]!.model, ticket, waiter.id)
      }
      const deadline = setTimeout(giveUp, waitMs)
      const waiter: Waiter = {
        id: this.line.nextId(),
        candidates,
        waitMs,
        ticket,
        stood: null,
        hosts: [],
        end: (result) => {
          clearTimeout(deadline)
          signal.removeEventListener('abort', giveUp)
          if (this.waiting.delete(waiter.id)) this.load.noteWaiting(candidates[0]!.model, -1)
          resolve(result)
        },
      }
      signal.addEventListener('abort', giveUp, { once: true })
      this.waiting.set(waiter.id, waiter)
      this.load.noteWaiting(candidates[0]!.model, 1)
      this.timer ??= setInterval(() => this.lookAgain(), LOOK_AGAIN_MS).unref()
      void this.standInLine(waiter)
    })
  }

  /** A gateway that does not use a host has no part in its slots. */
  wanted(model: string, hosts: readonly string[]): void {
    for (const hostId of hosts) if (this.load.isUser(hostId)) void this.offer(hostId, model)
  }

  granted(id: string, hostId: string): boolean {
    const waiter = this.waiting.get(id)
    const candidate = waiter?.candidates.find((one) => one.hostId === hostId)
    if (!waiter || !candidate) return false
    waiter.end(this.take(this.hosts.present(candidate) ?? candidate, waiter, true))
    return true
  }

  returned(model: string, hostId: string, lentMs: number | null): void {
    if (lentMs !== null) this.room.noteRest({ hostId, model }, lentMs)
    void this.offer(hostId, model)
  }

  private async standInLine(waiter: Waiter): Promise<void> {
    const { id, candidates, ticket, waitMs } = waiter
    const { model } = candidates[0]!
    const hosts = this.worthWaitingFor(candidates).map(({ hostId }) => hostId)
    const slots = hosts.reduce((sum, hostId) => sum + this.room.slotsOf({ hostId, model }), 0)
    const callMs = Math.min(...hosts.map((hostId) => this.load.memory.callTimeMs(hostId, model) ?? 0))
    try {
      const stood = await this.line.enter(model, { ...ticket, id, hosts, slots, callMs: Math.round(callMs), mostWaitMs: Math.round(waitMs), untilMs: this.clock.now() + Math.round(waitMs) })
      waiter.stood = stood
      waiter.hosts = hosts
      if (!stood.isIn) waiter.end(this.tryEnter(candidates, 0, false) ?? { why: 'busy', estimateMs: stood.estimateMs })
      else for (const hostId of hosts) void this.offer(hostId, model)
    } catch {
      this.serveOwn()
    }
  }

  /** Targets that are up, less those that are free and were passed over because a warm one is worth the wait. */
  private worthWaitingFor(candidates: readonly Candidate[]): readonly Candidate[] {
    const up = candidates.filter((one) => !this.room.isShut(one))
    const pool = up.length > 0 ? up : candidates
    const busy = pool.filter((one) => one.loadMs === 0 || this.line.isWanted(one.model, one.hostId) || !this.room.hasRoom(one))
    return busy.length > 0 ? busy : pool
  }

  /** Gives this gateway's free slots of a host to those that are next, wherever they wait. One at a time: a slot is held while Redis is asked. */
  private async offer(hostId: string, model: string): Promise<void> {
    const key = `${hostId} ${model}`
    if (this.offering.has(key)) return void this.offering.set(key, true)
    this.offering.set(key, false)
    try {
      while (!this.room.isShut({ hostId, model }) && this.room.hasRoom({ hostId, model })) {
        this.load.enter(hostId, model)
        const next = await this.line.pop(model, hostId).catch(() => 'away' as const)
        if (next !== null && next !== 'away' && next.gateway !== this.line.self) {
          this.line.lend(next, model, hostId)
          continue
        }
        this.load.leave(hostId, model)
        if (next === 'away') this.serveOwn()
        if (next === null && this.offering.get(key)) {
          this.offering.set(key, false)
          continue
        }
        if (next === null) this.serveForgotten(hostId, model)
        if (next === null || next === 'away') break
        const waiter = this.waiting.get(next.id)
        const candidate = waiter?.candidates.find((one) => one.hostId === hostId)
        if (waiter && candidate) waiter.end(this.take(this.hosts.present(candidate) ?? candidate, waiter, false))
      }
    } finally {
      this.offering.delete(key)
    }
  }

  /** The line knows of nobody who waits for this host: a failover lost those of ours that do, or a slot is being lent to them and goes back. */
  private serveForgotten(hostId: string, model: string): void {
    for (const waiter of [...this.waiting.values()]) {
      const candidate = waiter.hosts.includes(hostId) ? waiter.candidates.find((one) => one.hostId === hostId && one.model === model) : undefined
      if (candidate && this.room.hasRoom(candidate)) waiter.end(this.take(this.hosts.present(candidate) ?? candidate, waiter, false))
    }
  }

  private tryEnter(candidates: readonly Candidate[], waitMs: number, isFirst: boolean): Place | NoPlace | null {
    const current = candidates.flatMap((candidate) => this.hosts.present(candidate) ?? [])
    const present = current.length > 0 ? current : candidates.filter((candidate) => this.hosts.isLeaving(candidate))
    if (present.length === 0) return { why: 'gone', estimateMs: 0 }
    const closed = present.filter((candidate) => !this.room.isShut(candidate))
    const hasRoom = (one: Candidate) => (isFirst || !this.line.isWanted(one.model, one.hostId)) && this.room.hasRoom(one)
    const free = takeNow(closed.length > 0 ? closed : present, hasRoom, waitMs)
    return free ? this.take(free, null, false) : null
  }

  /** @param isBorrowed the slot is another gateway's, which counts it */
  private take(candidate: Candidate, waiter: Waiter | null, isBorrowed: boolean): Place {
    const { hostId, model } = candidate
    const leave = this.room.occupy(candidate, isBorrowed)
    return {
      candidate,
      stood: waiter?.stood ?? null,
      leave: (outcome) => {
        leave(outcome)
        if (waiter?.stood) void this.line.correct(model, waiter.ticket, outcome.tokens ?? null)
        if (isBorrowed) return this.line.giveBack(waiter!.id)
        return void (this.line.isWanted(model, hostId) || this.waiting.size > 0 ? this.offer(hostId, model) : undefined)
      },
    }
  }

  private lookAgain(): void {
    const targets = new Map([...this.waiting.values()].flatMap(({ candidates, hosts }) => candidates.filter(({ hostId }) => hosts.includes(hostId)).map((one) => [`${one.hostId} ${one.model}`, one] as const)))
    for (const { hostId, model } of targets.values()) void this.offer(hostId, model)
    // A gateway with a slot may not have heard that somebody waits.
    if (++this.looks % LOOKS_A_REMINDER === 0) for (const { hostId, model } of targets.values()) this.line.remind(model, hostId)
    if (this.waiting.size === 0) this.timer = void clearInterval(this.timer)
  }

  /** Without Redis there is no common line: whoever came first here is first. */
  private serveOwn(): void {
    for (const waiter of [...this.waiting.values()]) {
      const place = this.tryEnter(waiter.candidates, waiter.waitMs, true)
      if (place !== null) waiter.end(place)
    }
  }
}
