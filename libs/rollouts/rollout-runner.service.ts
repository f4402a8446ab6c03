import { Inject, Injectable } from '@nestjs/common'
import type { Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { OutboundPools } from '@tollgate/platform/outbound'
import { LOGGER } from '@tollgate/platform/process'
import { CopiesService } from './copies.service'
import { afterAttempt, callOf, choresBefore, MOST_ATTEMPTS, type AttemptEnd, type JobKind, type JobProgress } from './domain/host-job'
import { HostJobStore, type TakenJob } from './host-job.store'
import { runLines } from './line-exchange'

/** A worker that is silent for so long is dead, and its job is begun again. */
const LEASE_MS = 30_000
/** How often progress is written: what a reader of a job sees is at most so old. */
const WRITE_MS = 500
const CHORE_IDLE_MS = 30_000
const IDLE_MS: Readonly<Record<JobKind, number>> = { pull: 120_000, create: 600_000, delete: 60_000, preload: 300_000 }

interface Attempt {
  readonly end: AttemptEnd
  readonly progress: JobProgress | null
}

/** Does the jobs, in the worker: one at a time on each host. */
@Injectable()
export class RolloutRunner {
  constructor(
    private readonly store: HostJobStore,
    private readonly pools: OutboundPools,
    private readonly copies: CopiesService,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: ProcessLogger,
  ) {}

  /**
   * Does one job whose time has come. @param signal the worker stops: the job is left as it is, for the next one
   * @param secretOf the plain credential of a host, read for this one call
   * @param learn reads what a host holds now. Done before the job is told to be: who asks for the next change then finds the
   *   weights of this one noted
   * @returns false when no job was due
   */
  async runOne(signal: AbortSignal, secretOf: (hostId: string) => Promise<string | null>, learn: (hostId: string) => Promise<void>): Promise<boolean> {
    const nowMs = this.clock.now()
    const job = await this.store.take(new Date(nowMs), new Date(nowMs + LEASE_MS))
    if (!job) return false
    if (job.forCopies && !(await this.copies.mayBegin(job))) {
      await this.store.cancel(job.id, new Date(nowMs), 'withdrawn: fewer live copies than wanted at least would be left')
      return true
    }
    const { end, progress } = await this.begin(job, secretOf, signal)
    if (end.kind === 'done' && job.kind !== 'preload') await learn(job.hostId).catch((error: Error) => this.logger.warn({ job: job.id, host_id: job.hostId, reason: error.message }, 'what a host holds after a job was not read: its next probe does'))
    const endedMs = this.clock.now()
    if (end.kind === 'cancelled') {
      if (signal.aborted) await this.store.end(job, { state: 'queued', error: null, nextAt: new Date(endedMs), progress }, new Date(endedMs))
      return true
    }
    const { state, error, nextAtMs } = afterAttempt(end, job.attempt, endedMs)
    await this.store.end(job, { state, error, nextAt: new Date(nextAtMs), progress }, new Date(endedMs))
    this.logger.info({ job: job.id, kind: job.kind, model: job.model, host_id: job.hostId, state, attempt: job.attempt, ...(error ? { reason: error } : {}) }, 'job on a host')
    return true
  }

  private async begin(job: TakenJob, secretOf: (hostId: string) => Promise<string | null>, signal: AbortSignal): Promise<Attempt> {
    const failed = (error: string): Attempt => ({ end: { kind: 'failed', error, isFinal: true }, progress: null })
    if (job.attempt > MOST_ATTEMPTS) return failed('every worker that began it died')
    try {
      return await this.attempt(job, await secretOf(job.hostId), signal)
    } catch {
      return failed("the host's credential cannot be read: TOLLGATE_SECRETS_KEY is another than it was sealed with")
    }
  }

  /** @returns how it ended, and what of its progress is not written yet */
  private async attempt(job: TakenJob, secret: string | null, signal: AbortSignal): Promise<Attempt> {
    const stop = new AbortController()
    const onStop = () => stop.abort()
    signal.addEventListener('abort', onStop, { once: true })
    let progress: JobProgress | null = null
    const timer = setInterval(() => {
      const told = progress
      progress = null
      this.store.hold(job, told, new Date(this.clock.now() + LEASE_MS)).then((isMine) => !isMine && stop.abort(), (error: Error) => this.logger.warn({ job: job.id, reason: error.message }, 'the progress of a job was not written'))
    }, WRITE_MS)
    const common = { target: { hostId: job.hostId, baseUrl: job.baseUrl }, secret, signal: stop.signal, onProgress: (told: JobProgress) => (progress = told) }
    try {
      for (const { body, ...call } of choresBefore(job.kind, job.model, job.held)) {
        const { kind, ...why } = await runLines(this.pools, this.clock, { ...common, ...call, body: JSON.stringify(body), idleMs: CHORE_IDLE_MS, isSilent: true })
        if (kind === 'failed') this.logger.warn({ job: job.id, host_id: job.hostId, path: call.path, ...why }, 'a host did not keep or drop earlier weights')
      }
      const end = await runLines(this.pools, this.clock, { ...common, ...callOf(job.kind), body: JSON.stringify(job.body), idleMs: IDLE_MS[job.kind], isSilent: job.kind === 'delete' })
      return { end, progress }
    } finally {
      clearInterval(timer)
      signal.removeEventListener('abort', onStop)
    }
  }
}
