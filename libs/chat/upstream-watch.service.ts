import { Inject, Injectable } from '@nestjs/common'
import type { Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { Metrics } from '@tollgate/platform/metrics'
import { LOGGER } from '@tollgate/platform/process'
import type { AttemptOutcome, UpstreamFault } from '@tollgate/providers'
import type { Candidate } from '@tollgate/routing'

/** One line a host and alarm in this time: a host that fails every call must not fill the log. The metric counts all. */
const TELL_EVERY_MS = 60_000

/** Counts attempts, and raises the alarm where only a person can help: the call itself may well be served elsewhere. */
@Injectable()
export class UpstreamWatch {
  private readonly toldAtMs = new Map<string, number>()

  constructor(
    private readonly metrics: Metrics,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: ProcessLogger,
  ) {}

  note({ hostId, hostName, region }: Pick<Candidate, 'hostId' | 'hostName' | 'region'>, outcome: AttemptOutcome): void {
    const { failure } = outcome
    this.metrics.attempt(region, hostName, failure ? failure.class : 'completed')
    const alarm = alarmOf(outcome)
    if (alarm === null) return
    this.metrics.upstreamAlarm(region, hostName, alarm)
    const [key, nowMs] = [`${hostId} ${alarm}`, this.clock.monotonicMs()]
    if (nowMs - (this.toldAtMs.get(key) ?? -Infinity) < TELL_EVERY_MS) return
    this.toldAtMs.set(key, nowMs)
    this.logger.error({ host: hostName, region, alarm, cause: failure?.cause ?? 'usage_implausible' }, 'a host must be put right')
  }
}

/** Usage that is a lie is never billed as told (T16, 14), but whoever runs that host should know. */
function alarmOf({ failure, flags }: AttemptOutcome): UpstreamFault | 'usage' | null {
  return failure?.alarm ?? (flags.includes('usage_implausible') ? 'usage' : null)
}
