import { Inject, Injectable } from '@nestjs/common'
import type { Clock, Ids } from '@tollgate/kernel'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import { RefusalThrottle, type Candidate } from '@tollgate/routing'
import { CallLimit } from './domain/call-limit'
import type { Host } from './domain/host'
import { firstTurnMs, newcomerRoom, roomOf } from './domain/slots'
import type { CallOutcome } from './health/call-counts'
import { HealthBoard } from './health/health-board.service'
import { HostLoad } from './host-load'
import { HostsService } from './hosts.service'

type Target = Pick<Candidate, 'hostId' | 'model'>

/** How many calls this gateway may give a target right now, and whether its provider takes any. Reads memory only. */
@Injectable()
export class HostRoom {
  private readonly restUntilMs = new Map<string, number>()
  /** By target; of this gateway alone. */
  private readonly limits = new Map<string, CallLimit>()
  /** By cloud host, likewise. */
  private readonly throttles = new Map<string, RefusalThrottle>()

  constructor(
    private readonly hosts: HostsService,
    private readonly board: HealthBoard,
    private readonly load: HostLoad,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /** These targets, less those whose provider refuses most calls: some go there all the same, to see when it is back. */
  takers(candidates: readonly Candidate[]): readonly Candidate[] {
    const nowMs = this.clock.monotonicMs()
    let isFirst = true
    return candidates.filter(({ hostId }) => {
      const throttle = this.throttles.get(hostId)
      const part = throttle?.refusedPart(nowMs) ?? 0
      const isTaker = part === 0 || this.ids.bytes(4).readUInt32BE() / 2 ** 32 >= part
      // Only the first was really asked for.
      if (!isTaker && isFirst) throttle!.noteRefused(nowMs)
      if (isTaker) isFirst = false
      return isTaker
    })
  }

  /** The longest that a provider of these asked to be given; 0 = none did. */
  askedForMs(candidates: readonly Candidate[]): number {
    const nowMs = this.clock.monotonicMs()
    return Math.max(0, ...candidates.map(({ hostId }) => this.throttles.get(hostId)?.askedForMs(nowMs) ?? 0))
  }

  /** Calls at once that the target is given by all gateways, as this one sees it. */
  slotsOf(target: Target): number {
    const host = this.hosts.host(target.hostId)
    return host ? this.limitOf(host, target.model).most : 1
  }

  /** Its circuit is open, and it is not called all the same (`domain/ejection.ts`). */
  isShut({ hostId, model }: Target): boolean {
    return (this.board.standing(hostId).isOpen || this.board.standing(hostId, model).isOpen) && !this.hosts.verdict(model).letIn.has(hostId)
  }

  hasRoom({ hostId, model }: Target): boolean {
    const host = this.hosts.host(hostId)
    if (!host) return false
    const share = this.shareOf(hostId, model)
    // While a host comes back its allowance is divided among all gateways that serve calls: who will use it is not known yet.
    const { count, rank } = share < 1 ? this.load.everybody() : this.load.users(hostId)
    const { most, rest } = roomOf(host, share, count, rank)
    if (share >= 1) return this.load.ownAt(hostId, model) < this.partOf(host, model, count > 1 ? this.comingTo(host, most) : most)
    const turnMs = firstTurnMs(host, share, count, rank, this.load.memory.callTimeMs(hostId, model), Math.min(this.board.standing(hostId).sinceMs, this.board.standing(hostId, model).sinceMs))
    return this.load.ownAt(hostId) < most && turnMs <= 0 && (rest === 0 || this.clock.monotonicMs() >= (this.restUntilMs.get(hostId) ?? 0))
  }

  /**
   * A call begins there. The returned function must be called once, with how it ended.
   * @param isBorrowed the slot is another gateway's, which counts it
   */
  occupy({ hostId, model, upstreamModel: upstreamName }: Candidate, isBorrowed: boolean): (outcome: CallOutcome) => void {
    const tell = this.board.begin(hostId, model)
    const learn = this.load.memory.begin({ hostId, model, upstreamName })
    const startedMs = this.clock.monotonicMs()
    if (!isBorrowed) this.load.enter(hostId, model)
    return (outcome) => {
      tell(outcome)
      if (outcome.blames === 'ok') learn(outcome.latencyMs, outcome.loadMs ?? null)
      this.judge(hostId, model, outcome)
      if (isBorrowed) return
      this.load.leave(hostId, model)
      this.noteRest({ hostId, model }, startedMs)
    }
  }

  /** A call that began at `startedMs` left a slot of this gateway's: under one call at once the target rests after it, whoever had made it. */
  noteRest({ hostId, model }: Target, startedMs: number): void {
    const share = this.shareOf(hostId, model)
    const host = share < 1 ? this.hosts.host(hostId) : undefined
    if (!host) return void this.restUntilMs.delete(hostId)
    const { count, rank } = this.load.everybody()
    const nowMs = this.clock.monotonicMs()
    this.restUntilMs.set(hostId, nowMs + (nowMs - startedMs) * roomOf(host, share, count, rank).rest)
  }

  private comingTo(host: Host, most: number): number {
    if (most === Infinity) return most
    return newcomerRoom(most, host.maxParallel, this.load.wordsAt(host.id), this.load.at(host.id) - this.load.ownAt(host.id))
  }

  /** What this gateway may give of its part of a host's slots (`most`); a cloud host has none, and is limited by first tokens alone. */
  private partOf(host: Host, model: string, most: number): number {
    const limit = this.limitOf(host, model).most
    return most === Infinity ? limit : Math.max(1, Math.floor((most * limit) / host.maxParallel))
  }

  private limitOf(host: Host, model: string): CallLimit {
    const key = `${host.id} ${model} ${host.maxParallel}`
    let limit = this.limits.get(key)
    if (!limit) this.limits.set(key, (limit = new CallLimit(host)))
    return limit
  }

  private judge(hostId: string, model: string, { blames, firstMs, loadMs, refused }: CallOutcome): void {
    const host = this.hosts.host(hostId)
    if (!host) return
    if (blames === 'ok') this.limitOf(host, model).note(firstMs == null ? null : Math.max(0, firstMs - (loadMs ?? 0)), this.load.ownAt(hostId, model))
    if (host.provider === 'ollama') return
    let throttle = this.throttles.get(hostId)
    if (!throttle) this.throttles.set(hostId, (throttle = new RefusalThrottle()))
    throttle.noteEnd(refused !== undefined, refused?.retryAfterMs ?? null, this.clock.monotonicMs())
  }

  private shareOf(hostId: string, model: string): number {
    return Math.min(this.board.standing(hostId).share, this.board.standing(hostId, model).share, this.hosts.verdict(model).share)
  }
}
