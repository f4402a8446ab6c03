import { Inject, Injectable } from '@nestjs/common'
import { HostsService } from '@tollgate/hosts'
import { HostGate, type NoPlace, type Place } from '@tollgate/hosts/health'
import type { ChatEvent, ChatRequest, Clock, Ids } from '@tollgate/kernel'
import type { Reservation } from '@tollgate/limits'
import { CLOCK, IDS, TIMER, type Timer } from '@tollgate/platform/clock'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { ProvidersService, type AttemptFailure, type AttemptOutcome } from '@tollgate/providers'
import { reportedCost } from '@tollgate/pricing'
import { nextStep, RetryBudgets, type NextStep } from '@tollgate/routing'
import type { ChatReply, ServedBy } from './chat-result'
import { leftAfter } from './chain'
import { loadSettings } from './loading'
import type { PricedCandidate } from './plan'
import { costSoFar, providerCost } from './provider-cost'
import { loadTimeMs } from './load-time'
import type { RunningCall } from './running-call'
import { ticketOf } from './ticket'
import { UpstreamWatch } from './upstream-watch.service'

const CONNECT_MS = 2_000
/** The longest a call waits for a free slot: two seconds, but never more than this part of the time to its first byte. */
const MOST_WAIT_MS = 2_000
const WAIT_SHARE = 0.2

/** How the attempts at an answer ended: the last outcome, by whom, and at which target. */
export interface Attempted {
  readonly outcome: AttemptOutcome
  readonly served: ServedBy
  readonly target: PricedCandidate
}

/** What attempts are made for: all of an answer, or those of its choices that are still missing. */
export interface Share {
  readonly targets: readonly PricedCandidate[]
  readonly request: ChatRequest
  readonly maxTokens: number
  /** Choices that other attempts gave already. */
  readonly firstChoice: number
  /** The longest all of its attempts may take together, waits between them included, ms. */
  readonly totalMs: number
}

/** What the attempts of a share have used up of its retries. */
interface Tried {
  attempts: number
  hasReplayed: boolean
  /** Hosts that were given the time they asked for. */
  readonly waitedFor: Set<string>
}

/** Tries the targets of a plan in order until one completes, one fails for good, or something reached the client. */
@Injectable()
export class AttemptsService {
  private readonly budgets = new RetryBudgets()

  constructor(
    private readonly providers: ProvidersService,
    private readonly hosts: HostsService,
    private readonly gate: HostGate,
    private readonly watch: UpstreamWatch,
    @Inject(CONFIG) private readonly config: ClusterConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
    @Inject(TIMER) private readonly timer: Timer,
  ) {}

  /** The outcome of the last attempt, and who served it. Never rejects for what an upstream does. */
  async run(call: RunningCall, share: Share, reservation: Reservation, reply: ChatReply, signal: AbortSignal): Promise<Attempted> {
    const startedAtMs = this.clock.monotonicMs()
    let last: Attempted | undefined
    let left = [...share.targets]
    const ticket = ticketOf(call, share.request.messages, share.maxTokens)
    this.budgets.noteRequest(left[0]!.candidate.model, startedAtMs)
    const tried: Tried = { attempts: 0, hasReplayed: false, waitedFor: new Set() }
    const queueMs = Math.min(MOST_WAIT_MS, WAIT_SHARE * this.config.TOLLGATE_FIRST_BYTE_TIMEOUT_MS)
    while (left.length > 0) {
      // A model stands in only when every target of the one before it has failed or is gone: being busy is neither.
      const { model } = left[0]!.candidate
      const sameModel = left.filter(({ candidate }) => candidate.model === model)
      const place = await this.gate.enter(sameModel.map(({ candidate }) => candidate), queueMs, signal, ticket, last !== undefined)
      if ('why' in place && place.why !== 'busy' && sameModel.length < left.length) {
        left.splice(0, sameModel.length)
        continue
      }
      if ('why' in place) return last ?? { outcome: unplaced(place, call), served: this.servedBy(call, left[0]!, reservation, null), target: left[0]! }
      const [planned] = left.splice(left.findIndex(({ candidate }) => candidate.model === model && candidate.hostId === place.candidate.hostId), 1) as [PricedCandidate]
      const target = { ...planned, candidate: place.candidate }
      const served = this.servedBy(call, target, reservation, place.stood)
      const totalMs = Math.max(1, Math.round(share.totalMs - (this.clock.monotonicMs() - startedAtMs)))
      const outcome = await this.attempt(call, target, place, { ...share, totalMs }, new FirstEventSink(reply, served, call), signal)
      last = { outcome, served, target }
      if (!outcome.failure || outcome.pushedEvents > 0 || signal.aborted) return last
      const hasStandIn = left.some(({ candidate }) => candidate.model !== model)
      const step = this.next(call, outcome.failure, tried, target, { startedAtMs, totalMs: share.totalMs, hasStandIn })
      left = [...leftAfter(step, planned, left)]
      if (step.kind === 'stop' || left.length === 0 || !this.mayMove(left, model)) return last
      await this.timer.wait(step.waitMs, signal)
      if (signal.aborted) return last
    }
    return last!
  }

  /** A retry takes from the budget of its pool. A stand-in is another pool, asked for the first time; it is moved on to when that budget is used up, too. */
  private mayMove(left: PricedCandidate[], model: string): boolean {
    const nowMs = this.clock.monotonicMs()
    if (left[0]!.candidate.model === model && this.budgets.takeRetry(model, nowMs)) return true
    left.splice(0, left.filter(({ candidate }) => candidate.model === model).length)
    if (left.length > 0) this.budgets.noteRequest(left[0]!.candidate.model, nowMs)
    return left.length > 0
  }

  /** What follows a failure, and notes in `tried` what that uses up. */
  private next(call: RunningCall, failure: AttemptFailure, tried: Tried, { candidate, standIn }: PricedCandidate, span: { startedAtMs: number; totalMs: number; hasStandIn: boolean }): NextStep {
    tried.attempts++
    const step = nextStep(failure, {
      ...tried,
      hasStandIn: span.hasStandIn,
      mostAttempts: this.config.OLLAMA_MAX_RETRIES + 1,
      mayReplay: (standIn?.model ?? call.selection.model).mayRetryAmbiguous,
      hasWaited: tried.waitedFor.has(candidate.hostId),
      elapsedMs: this.clock.monotonicMs() - span.startedAtMs,
      totalMs: span.totalMs,
      chance: this.ids.bytes(4).readUInt32BE() / 2 ** 32,
    })
    if (failure.class === 'ambiguous') tried.hasReplayed = true
    if (step.kind === 'again') tried.waitedFor.add(candidate.hostId)
    return step
  }

  private async attempt(call: RunningCall, target: PricedCandidate, place: Place, { request, maxTokens, firstChoice, totalMs }: Share, sink: FirstEventSink, signal: AbortSignal): Promise<AttemptOutcome> {
    const { candidate } = target
    call.beginAttempt(target, this.clock.monotonicMs(), totalMs, () => costSoFar(call, this.hosts.shareOfCost(candidate.hostId, call.attemptMs)))
    const adapter = this.providers.adapterFor(candidate.provider)!
    const outcome = await adapter.chat(
      {
        target: { hostId: candidate.hostId, hostName: candidate.hostName, region: candidate.region, provider: candidate.provider, baseUrl: candidate.baseUrl, secret: this.hosts.secretOf(candidate.hostId), model: candidate.upstreamModel, settings: loadSettings(target.standIn?.model ?? call.selection.model, candidate.provider, this.config) },
        request: this.withDefaults(target.standIn ? { ...target.standIn.request, choices: request.choices } : request),
        firstChoice,
        maxTokens: Math.min(maxTokens, target.standIn?.maxTokens ?? maxTokens),
        requestId: call.rid,
        cacheSpace: call.caller.tenant.id,
        onGeneration: (name) => call.noteGeneration(name),
        signal,
        deadlines: { connectMs: CONNECT_MS, firstByteMs: this.firstByteMs(candidate.provider), idleMs: this.config.TOLLGATE_IDLE_TIMEOUT_MS, totalMs },
      },
      sink,
    ).catch((bug: unknown) => {
      place.leave({ blames: 'nobody', error: null, latencyMs: 0 })
      throw bug
    })
    const durationMs = call.noteTime(this.clock.monotonicMs())
    place.leave({ latencyMs: durationMs, firstMs: request.stream ? outcome.firstEventMs : null, loadMs: loadTimeMs(outcome.rawUsage), tokens: outcome.usage ? outcome.usage.promptTokens + outcome.usage.completionTokens : outcome.pushedEvents, ...blameOf(outcome, candidate.provider) })
    const sharePico = this.hosts.shareOfCost(candidate.hostId, durationMs)
    const result = outcome.failure ? outcome.failure.class : 'completed'
    this.watch.note(candidate, outcome)
    call.endAttempt(outcome.failure ? `${result}: ${outcome.failure.cause}`.slice(0, 200) : result, providerCost(call, outcome, sharePico), sharePico !== null || reportedCost(outcome.rawUsage) !== null)
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

  private servedBy(call: RunningCall, { candidate }: PricedCandidate, reservation: Reservation, stood: Place['stood']): ServedBy {
    return {
      model: candidate.model,
      requestedModel: call.selection.requestedModel,
      selection: call.selection.note,
      provider: candidate.provider,
      region: candidate.region,
      host: candidate.hostName,
      isSandbox: candidate.isSandbox,
      attempts: call.attempts.length + 1,
      queueMs: Math.round(this.clock.monotonicMs() - call.startedAtMonotonicMs),
      headroom: reservation.headroom,
      stood,
    }
  }
}

/** Whose health an attempt tells of. An Ollama host that answers with another model than was asked holds the wrong one. */
function blameOf({ failure, flags }: AttemptOutcome, provider: string): Pick<Parameters<Place['leave']>[0], 'blames' | 'error' | 'refused'> {
  // What a host refuses for want of the model says nothing of its other models.
  if (failure) return { blames: failure.blames, error: failure.cause, ...(failure.class === 'refused' && failure.blames !== 'deployment' ? { refused: failure } : {}) }
  return provider === 'ollama' && flags.includes('model_differs') ? { blames: 'deployment', error: 'another model answered' } : { blames: 'ok', error: null }
}

/** The outcome of a call that no host had room for, or whose hosts were all taken away while it was admitted. */
function unplaced({ why, estimateMs }: NoPlace, call: RunningCall): AttemptOutcome {
  const code = why === 'busy' ? 'hosts_busy' : 'model_not_available'
  return {
    finishReason: null,
    finishReasons: [],
    failure: { class: 'refused', code, words: { model: call.selection.model.name }, retryAfterMs: estimateMs > 0 ? estimateMs : null, blames: 'nobody', alarm: null, cause: why },
    usage: null,
    reported: { promptTokens: null, completionTokens: null },
    rawUsage: null,
    pushedEvents: 0,
    firstEventMs: null,
    servedModel: null,
    stopSequence: null,
    flags: [],
    vectors: null,
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
    const isSeal = event.kind === 'reasoning' && event.seal !== undefined
    if (isSeal && !this.reply.takesSeals) return true
    if (!this.hasBegun) {
      this.hasBegun = true
      this.reply.begin(this.served)
    }
    if (!isSeal) this.call.noteDelivered(event.kind === 'tool_call' ? (event.arguments ?? '') : event.text)
    return this.reply.push(event)
  }

  onDrain(resume: () => void): void {
    this.reply.onDrain(resume)
  }
}
