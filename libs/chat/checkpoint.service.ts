import { Inject, Injectable } from '@nestjs/common'
import { nanoCeil, type Clock, type Ids } from '@tollgate/kernel'
import { LimitsService, type CheckpointCall, type Reservation } from '@tollgate/limits'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { DURABILITY, type Durability } from '@tollgate/platform/process'
import type { RunningCall } from './running-call'

/** Why the gateway itself ends a call. */
export type StopReason = 'swept' | 'revoked' | 'shutdown'

interface ActiveCall {
  readonly call: RunningCall
  readonly reservation: Reservation
  readonly sinceMs: number
  stop(reason: StopReason): void
}

/** Knows every call this gateway runs, and reports them once a tick, so that a dead gateway's calls can be billed. */
@Injectable()
export class CheckpointService {
  /** This process, as reservations name their owner. */
  readonly gatewayId: string
  private readonly active = new Map<string, ActiveCall>()
  private isWriting = false
  private readonly ending = new AbortController()

  constructor(
    private readonly limits: LimitsService,
    @Inject(CONFIG) private readonly config: ClusterConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) ids: Ids,
    @Inject(DURABILITY) private readonly durability: Durability,
  ) {
    this.gatewayId = ids.uuid()
  }

  get running(): number {
    return this.active.size
  }

  /** Aborted once this gateway ends what still runs: nothing is begun any more. */
  get stopping(): AbortSignal {
    return this.ending.signal
  }

  start(call: RunningCall, reservation: Reservation, stop: ActiveCall['stop']): void {
    this.active.set(call.rid, { call, reservation, stop, sinceMs: this.clock.monotonicMs() })
  }

  finish(rid: string): void {
    this.active.delete(rid)
  }

  /** Ends every running call: streams get an error event, and what was delivered is billed. */
  stopAll(): void {
    this.ending.abort()
    for (const active of this.active.values()) active.stop('shutdown')
  }

  /**
   * Writes progress of every call older than one tick, a script per bucket; stops calls that were swept or whose key was revoked.
   * @param alone claims of calls that are over and that no store has: they go into the file as well
   */
  async tick(alone: readonly string[]): Promise<void> {
    const nowMs = this.clock.monotonicMs()
    const beat = this.limits.beat(this.gatewayId).catch(() => undefined)
    const byBucket = new Map<number, ActiveCall[]>()
    for (const active of this.active.values()) {
      if (nowMs - active.sinceMs < this.config.TOLLGATE_CHECKPOINT_MS) continue
      const { bucket } = active.reservation
      const calls = byBucket.get(bucket)
      if (calls) calls.push(active)
      else byBucket.set(bucket, [active])
    }
    await Promise.all([beat, this.writeFile(nowMs, alone), ...[...byBucket].map(([bucket, calls]) => this.report(bucket, calls, nowMs).catch(() => undefined))])
  }

  /** Where Redis would die with this process, what runs is on disk too; `SettlementService.recover` bills it at the next start. */
  private async writeFile(nowMs: number, alone: readonly string[]): Promise<void> {
    const { checkpointFile } = this.durability
    if (!checkpointFile || this.isWriting) return
    this.isWriting = true
    try {
      await checkpointFile.write([...this.active.values()].map(({ call, reservation }) => JSON.stringify(call.progress(reservation, nowMs).claim)).concat(alone))
    } finally {
      this.isWriting = false
    }
  }

  private async report(bucket: number, calls: readonly ActiveCall[], nowMs: number): Promise<void> {
    const states = calls.map(({ call, reservation }): CheckpointCall => {
      const { claim, amountPico } = call.progress(reservation, nowMs)
      return { reservation, progressNano: nanoCeil(amountPico), draft: JSON.stringify(claim) }
    })
    const answers = await this.limits.checkpoint(bucket, this.config.TOLLGATE_LEASE_MS, this.gatewayId, states)
    for (const [i, answer] of answers.entries()) {
      if (answer === 'SWEPT') calls[i]!.stop('swept')
      if (answer === 'REVOKED') calls[i]!.stop('revoked')
    }
  }
}
