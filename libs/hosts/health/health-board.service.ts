import { Inject, Injectable } from '@nestjs/common'
import type { Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { ChangeNotices } from '@tollgate/platform/redis'
import type { Host, ProbeResult } from '../domain/host'
import { afterReport, afterTrial, isDue, isOpen, merged, reportOf, UNKNOWN, type TargetHealth, type TargetReport } from '../domain/target-health'
import { standingOf, UNTRIED, viewOf, type HealthView, type Standing } from '../domain/standing'
import { HostMemory } from '../host-memory'
import { CallCounts, type CallOutcome } from './call-counts'
import { HealthStore, type HostHealth, type ProbeNote } from './health.store'

const MOST_SWAPS = 8
/** A target as this process sees it: what Redis last said, and what Redis was not told yet. */
interface Target {
  readonly hostId: string
  readonly model: string
  version: number
  shared: TargetHealth
  pending: TargetReport | null
  /** The change on its way to Redis. */
  sending: ((health: TargetHealth) => TargetHealth) | null
  sent: Promise<void>
  /** `shared` after `sending` and `pending`: what routing reads. */
  now: TargetHealth
  /** How `now` stood when it was asked last: a call asks several times within a millisecond. */
  stood: { readonly of: TargetHealth; readonly atMs: number; readonly standing: Standing } | null
}

/**
 * The fleet's health in the memory of this process, shared through Redis. Routing reads it without waiting; what calls
 * tell is applied here at once and sent on behind their back: failures at once, successes once a second. A change of a
 * circuit is announced, so every gateway re-reads that host at once; the others re-read every second. While Redis is
 * away the process goes by what it sees itself.
 */
@Injectable()
export class HealthBoard {
  /** By host, then by model; the host's own is under `''`. */
  private readonly targets = new Map<string, Map<string, Target>>()
  private openTargets = 0
  private readonly probes = new Map<string, ProbeNote>()
  private readonly counts = new CallCounts()

  constructor(
    private readonly store: HealthStore,
    private readonly notices: ChangeNotices,
    private readonly memory: HostMemory,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    notices.listen(({ topic, id }) => topic === 'health' && id !== undefined && void this.read([id]).catch(() => undefined))
  }

  /** How a host, or a model on it, stands. */
  standing(hostId: string, model = ''): Standing {
    const target = this.targets.get(hostId)?.get(model)
    if (!target) return UNTRIED
    const { now: health, stood } = target
    const nowMs = this.clock.now()
    if (stood?.of === health && stood.atMs === nowMs) return stood.standing
    const standing = standingOf(health, nowMs)
    target.stood = { of: health, atMs: nowMs, standing }
    return standing
  }

  /** No circuit is open, of any host or model. */
  get isAllClosed(): boolean {
    return this.openTargets === 0
  }

  /** What is known of a target, for those who show it. */
  healthOf(hostId: string, model = ''): TargetHealth {
    return this.targets.get(hostId)?.get(model)?.now ?? UNKNOWN
  }

  view(hostId: string, model = ''): HealthView {
    return viewOf(this.healthOf(hostId, model), this.clock.now())
  }

  /** One word for a host: what its probes say, and what its calls say. */
  statusOf(host: Pick<Host, 'id' | 'status'>): Host['status'] {
    const probe = this.lastProbe(host.id)
    const probed = probe ? (probe.isReachable ? 'healthy' : 'unhealthy') : host.status
    const { circuit, isFlagged: isDoubtful } = this.view(host.id)
    if (probed === 'unhealthy' || circuit === 'open' || circuit === 'half_open') return 'unhealthy'
    return isDoubtful || circuit === 'slow_start' ? 'degraded' : probed
  }

  lastProbe(hostId: string): ProbeNote | null {
    return this.probes.get(hostId) ?? null
  }

  /** A call begins; the returned function tells how it ended. */
  begin(hostId: string, model: string): (outcome: CallOutcome) => void {
    const host = this.healthOf(hostId).generation
    const deployment = this.healthOf(hostId, model).generation
    return ({ blames, error, latencyMs }) => {
      if (blames === 'nobody') return
      const nowMs = this.clock.now()
      this.counts.add(hostId, model, blames === 'ok' ? null : (error ?? 'failed'), latencyMs, nowMs)
      // What is the model's own fault says that the host itself answers.
      this.note(this.target(hostId, ''), reportOf(host, blames === 'host' ? (error ?? 'failed') : null, nowMs))
      this.note(this.target(hostId, model), reportOf(deployment, blames === 'ok' ? null : (error ?? 'failed'), nowMs))
    }
  }

  /** Models of a host whose circuit is open (`''` = the host's own). */
  open(hostId: string): string[] {
    return this.modelsOf(hostId, isOpen)
  }

  /** Those of them that are open long enough to be tried. */
  due(hostId: string): string[] {
    const nowMs = this.clock.now()
    return this.modelsOf(hostId, (health) => isDue(health, nowMs))
  }

  /**
   * Tells everybody how a probe went, and closes or prolongs the circuits it tried.
   * @param passed which of the tried targets are back, by model (`''` = the host)
   */
  async noteProbe(hostId: string, { isReachable, latencyMs, error, loaded }: Pick<ProbeResult, 'isReachable' | 'latencyMs' | 'error' | 'loaded'>, passed: ReadonlyMap<string, boolean>): Promise<void> {
    const note = { atMs: this.clock.now(), isReachable, latencyMs: Math.round(latencyMs), error, ...(loaded ? { loaded } : {}) }
    this.hear(hostId, note)
    for (const [model, hasPassed] of passed) {
      const target = this.target(hostId, model)
      while (target.sending) await target.sent
      await this.write(target, (health) => afterTrial(health, hasPassed, note.atMs, target.hostId + model))
    }
    await this.store.noteProbe(hostId, note).catch(() => undefined)
  }

  /** Once a second: sends what is unsent and reads what others saw. @throws when Redis is away */
  async sync(hostIds: readonly string[]): Promise<void> {
    await Promise.all([...this.targets.values()].flatMap((models) => [...models.values()].map((target) => this.flush(target))))
    await this.counts.send((hostId, totals) => this.store.count(hostId, totals))
    await this.read(hostIds)
  }

  /** Reads these hosts now, for views that must not be a second old. */
  async read(hostIds: readonly string[]): Promise<void> {
    for (const [hostId, health] of await this.store.read(hostIds)) this.take(hostId, health)
  }

  private modelsOf(hostId: string, is: (health: TargetHealth) => boolean): string[] {
    return [...(this.targets.get(hostId)?.values() ?? [])].flatMap((target) => (is(target.now) ? [target.model] : []))
  }

  private take(hostId: string, { targets, probe, memory }: HostHealth): void {
    if (probe) this.hear(hostId, probe)
    if (memory) this.memory.hear(hostId, memory.models, memory.atMs)
    for (const [model, { version, health }] of targets) {
      const target = this.target(hostId, model)
      if (target.sending || version <= target.version) continue
      target.version = version
      target.shared = health
      this.settle(target)
    }
  }

  private hear(hostId: string, note: ProbeNote): void {
    this.probes.set(hostId, note)
    if (note.loaded) this.memory.hear(hostId, note.loaded, note.atMs)
  }

  private note(target: Target, report: TargetReport): void {
    target.pending = merged(target.pending, report)
    this.settle(target)
    if (report.failed > 0) void this.flush(target)
  }

  private settle(target: Target): void {
    const sent = target.sending ? target.sending(target.shared) : target.shared
    const wasOpen = isOpen(target.now)
    target.now = target.pending ? afterReport(sent, target.pending, target.hostId + target.model) : sent
    this.openTargets += Number(isOpen(target.now)) - Number(wasOpen)
  }

  /** Sends a target's reports. One write at a time: what comes meanwhile goes with the next. */
  private async flush(target: Target): Promise<void> {
    if (target.sending || !target.pending) return
    const { pending } = target
    target.pending = null
    await this.write(target, (health) => afterReport(health, pending, target.hostId + target.model))
    if (target.pending !== null && (target.pending as TargetReport).failed > 0) await this.flush(target)
  }

  /** One write a target at a time. */
  private write(target: Target, change: (health: TargetHealth) => TargetHealth): Promise<void> {
    target.sending = change
    target.sent = this.exchange(target, change)
    return target.sent
  }

  /** Compare and swap until it holds; whoever was faster is built upon. Without Redis the change stays our own. */
  private async exchange(target: Target, change: (health: TargetHealth) => TargetHealth): Promise<void> {
    const before = target.shared.generation
    try {
      for (let attempt = 0; attempt < MOST_SWAPS; attempt++) {
        const next = change(target.shared)
        const other = await this.store.swap(target.hostId, target.model, target.version, next)
        if (other === null) {
          target.shared = next
          target.version += 1
          if (next.generation !== before) void this.notices.publish({ topic: 'health', id: target.hostId })
          return
        }
        // A Redis that lost its memory learns from us.
        target.version = other === 'absent' ? 0 : other.version
        if (other !== 'absent') target.shared = other.health
      }
    } catch {
      target.shared = change(target.shared)
    } finally {
      target.sending = null
      this.settle(target)
    }
  }

  private target(hostId: string, model: string): Target {
    let models = this.targets.get(hostId)
    if (!models) this.targets.set(hostId, (models = new Map()))
    let target = models.get(model)
    if (!target) models.set(model, (target = { hostId, model, version: 0, shared: UNKNOWN, pending: null, sending: null, sent: Promise.resolve(), now: UNKNOWN, stood: null }))
    return target
  }
}
