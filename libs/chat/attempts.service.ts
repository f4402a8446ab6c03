import { Inject, Injectable } from '@nestjs/common'
import { HostsService } from '@tollgate/hosts'
import type { ChatEvent, ChatRequest, Clock } from '@tollgate/kernel'
import type { Reservation } from '@tollgate/limits'
import { CLOCK } from '@tollgate/platform/clock'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { Metrics } from '@tollgate/platform/metrics'
import { ProvidersService, type AttemptOutcome } from '@tollgate/providers'
import { nextStep } from '@tollgate/routing'
import type { ChatReply, ServedBy } from './chat-result'
import type { CallPlan, PricedCandidate } from './plan'
import type { RunningCall } from './running-call'

const CONNECT_MS = 2_000

/** Tries the targets of a plan in order until one completes, one fails for good, or something reached the client. */
@Injectable()
export class AttemptsService {
  constructor(
    private readonly providers: ProvidersService,
    private readonly hosts: HostsService,
    private readonly metrics: Metrics,
    @Inject(CONFIG) private readonly config: ClusterConfig,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The outcome of the last attempt, and who served it. Never rejects for what an upstream does. */
  async run(call: RunningCall, plan: CallPlan, reservation: Reservation, reply: ChatReply, signal: AbortSignal): Promise<{ outcome: AttemptOutcome; served: ServedBy }> {
    let ambiguous = 0
    let last: { outcome: AttemptOutcome; served: ServedBy } | undefined
    for (const target of plan.targets) {
      call.target = target
      const served = this.servedBy(call, target, reservation)
      const outcome = await this.attempt(call, target, plan.maxTokens, new FirstEventSink(reply, served, call), signal)
      last = { outcome, served }
      if (!outcome.failure || outcome.pushedEvents > 0 || signal.aborted) return last
      if (nextStep(outcome.failure, ambiguous) === 'stop') return last
      if (outcome.failure.class === 'ambiguous') ambiguous++
    }
    return last!
  }

  private async attempt(call: RunningCall, { candidate }: PricedCandidate, maxTokens: number, sink: FirstEventSink, signal: AbortSignal): Promise<AttemptOutcome> {
    const startedAtMs = this.clock.monotonicMs()
    const end = this.hosts.begin(candidate)
    const adapter = this.providers.adapterFor(candidate.provider)!
    const outcome = await adapter.chat(
      {
        target: { hostId: candidate.hostId, hostName: candidate.hostName, region: candidate.region, provider: candidate.provider, baseUrl: candidate.baseUrl, secret: this.hosts.secretOf(candidate.hostId), model: candidate.upstreamModel },
        request: this.withDefaults(call.request),
        maxTokens,
        requestId: call.rid,
        signal,
        deadlines: { connectMs: CONNECT_MS, firstByteMs: this.firstByteMs(candidate.provider), idleMs: this.config.TOLLGATE_IDLE_TIMEOUT_MS, totalMs: this.config.TOLLGATE_TOTAL_TIMEOUT_MS },
      },
      sink,
    )
    end(outcome.failure ? outcome.failure.blames : 'ok')
    const result = outcome.failure ? outcome.failure.class : 'completed'
    this.metrics.attempt(candidate.region, candidate.hostName, result)
    call.attempts.push({
      attempt: call.attempts.length + 1,
      host: candidate.hostName,
      provider: candidate.provider,
      region: candidate.region,
      model: candidate.upstreamModel,
      outcome: outcome.failure ? `${result}: ${outcome.failure.cause}`.slice(0, 200) : result,
      duration_ms: Math.round(this.clock.monotonicMs() - startedAtMs),
      cost_pico: null,
    })
    return outcome
  }

  /** OLLAMA_TIMEOUT (ms) is the Ollama guide's name for the same patience with its hosts. */
  private firstByteMs(provider: string): number {
    return (provider === 'ollama' ? this.config.OLLAMA_TIMEOUT : undefined) ?? this.config.TOLLGATE_FIRST_BYTE_TIMEOUT_MS
  }

  /** The operator's OLLAMA_TEMPERATURE stands in where the caller gave none. */
  private withDefaults(request: ChatRequest): ChatRequest {
    const temperature = this.config.OLLAMA_TEMPERATURE
    if (temperature === undefined || request.parameters.temperature !== undefined) return request
    return { ...request, parameters: { ...request.parameters, temperature } }
  }

  private servedBy(call: RunningCall, { candidate }: PricedCandidate, reservation: Reservation): ServedBy {
    return {
      model: call.selection.model.name,
      requestedModel: call.selection.requestedModel,
      provider: candidate.provider,
      region: candidate.region,
      host: candidate.hostName,
      isSandbox: candidate.isSandbox,
      attempts: call.attempts.length + 1,
      queueMs: Math.round(this.clock.monotonicMs() - call.startedAtMonotonicMs),
      headroom: reservation.headroom,
    }
  }
}

/** Tells the reply who serves just before the first event, and counts what is delivered. */
class FirstEventSink {
  private hasBegun = false

  constructor(
    private readonly reply: ChatReply,
    private readonly served: ServedBy,
    private readonly call: RunningCall,
  ) {}

  push(event: ChatEvent): boolean {
    if (!this.hasBegun) {
      this.hasBegun = true
      this.reply.begin(this.served)
    }
    this.call.noteDelivered(event.kind === 'tool_call' ? (event.arguments ?? '') : event.text)
    return this.reply.push(event)
  }

  onDrain(resume: () => void): void {
    this.reply.onDrain(resume)
  }
}
