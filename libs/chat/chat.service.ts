import { Inject, Injectable } from '@nestjs/common'
import { refuse, type Caller, type ChatRequest, type Clock, type Refusal } from '@tollgate/kernel'
import type { LimitsService, Reservation } from '@tollgate/limits'
import { CLOCK } from '@tollgate/platform/clock'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { MOST_ATTEMPTS, orderAttempts, type Candidate } from '@tollgate/routing'
import { AccessService, type Selection } from './access.service'
import { CallTrace, type TraceLeg } from './call-trace'
import type { ChatReply, ChatResult } from './chat-result'
import { CheckpointService, type StopReason } from './checkpoint.service'
import { ChoicesService } from './choices.service'
import { concludeCall } from './conclude'
import { CorridorRooms } from './corridor-rooms'
import type { UsageClaim } from '@tollgate/usage'
import { chainPlans, withinPrice, withoutStandIns } from './chain'
import { fitCandidates } from './fitness'
import { promptWords, withModelDefaults } from './model-defaults'
import { imageRefusal } from './images'
import { contextAt } from './loading'
import type { PartNote } from './part-note'
import { planCall, shortenPlan, type CallPlan } from './plan'
import { RunningCall } from './running-call'
import { SettlementService } from './settlement.service'

const RETRY_AFTER_SECONDS = 5
/** A model without a host is looked for again in the database at most this often: a host added just now serves at once. */
const RELOAD_EVERY_MS = 250
/** The first may share a look-up that began before the change; the second begins its own. */
const MOST_RENEWALS = 2

/** A call on its way through the corridor. `rid` is the request id of reply, log and ledger. */
export interface ChatCall {
  readonly rid: string
  readonly surface: string
  readonly caller: Caller
  readonly request: ChatRequest
  readonly reply: ChatReply
  /** Ends the call: the door aborts it when the client leaves, the corridor when it must stop by itself. */
  readonly stop: AbortController
  /** Chosen and permitted already, when a call is walked several times. */
  readonly selection?: Selection
  /** Set when this is one of several calls for one request: rounds with tools of the operator, or a consensus. */
  readonly part?: PartNote
}

type Admission = Awaited<ReturnType<LimitsService['admit']>>
/** A call that was let in. */
interface Entered {
  readonly kind: 'entered'
  readonly call: ChatCall
  readonly running: RunningCall
  readonly plan: CallPlan
  readonly reservation: Reservation
}

type Refused = { readonly kind: 'refused'; readonly refusal: Refusal }

/** The corridor: every inference surface walks through `serve`, and nothing else admits a call. */
@Injectable()
export class ChatService {
  private reloadedAtMs = -Infinity

  constructor(
    private readonly access: AccessService,
    private readonly rooms: CorridorRooms,
    private readonly choices: ChoicesService,
    private readonly settlement: SettlementService,
    private readonly checkpoints: CheckpointService,
    @Inject(CONFIG) private readonly config: ClusterConfig,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The story of a request: select → permit → estimate → admit → route → attempt → record. */
  async serve(asked: ChatCall): Promise<ChatResult> {
    const trace = new CallTrace(asked.caller, asked.request, asked.part)
    const entered = await this.enter(asked, trace, { isDry: false })
    const result = entered.kind === 'refused' ? entered : await this.run(entered.call, entered.running, entered.plan, entered.reservation)
    this.note(asked, trace, result)
    return result
  }

  /** The dry run: the same steps up to admission, which is asked and not made. Nothing is sent, counted or billed. */
  async foresee(asked: ChatCall): Promise<{ trace: CallTrace; refusal: Refusal | null }> {
    const trace = new CallTrace(asked.caller, asked.request, asked.part)
    const entered = await this.enter(asked, trace, { isDry: true })
    return { trace, refusal: entered.kind === 'refused' ? entered.refusal : null }
  }

  private async enter(asked: ChatCall, trace: CallTrace, { isDry, renewals = 0 }: { isDry: boolean; renewals?: number }): Promise<Entered | Refused> {
    const startedAtMs = this.clock.monotonicMs()
    if (!this.settlement.canTakeMore()) return refused(refuse('usage_unavailable', {}, { retryAfterSeconds: 2 }))
    const selection = asked.selection ?? (await this.access.select(asked.caller, asked.request))
    if (selection.kind === 'refused') return selection
    trace.selection = selection
    const wanted = await this.plan(asked, selection, trace)
    if (wanted.kind === 'refused') return wanted
    const call = { ...asked, request: wanted.request }
    const running = new RunningCall(call.rid, call.caller, call.request, selection, call.surface, startedAtMs, asked.part?.parentRid)
    const { admission, plan } = await this.admit(running, wanted, isDry)
    trace.plan = plan
    if (admission.kind === 'refused') return admission
    if (admission.kind === 'stale') return renewals >= MOST_RENEWALS ? refused(refuse('limits_unavailable', {}, { retryAfterSeconds: 1 })) : this.enterRenewed(asked, trace, isDry, renewals + 1)
    running.warnings = plan.warnings
    trace.reservation = admission.reservation
    return { kind: 'entered', call, running, plan, reservation: admission.reservation }
  }

  /** What was decided is kept once the answer is out (libs/selection); an embedding's inputs are not prompts. */
  private note({ rid, caller, request, part }: ChatCall, trace: CallTrace, result: ChatResult): void {
    const refusal = 'refusal' in result ? result.refusal : null
    const project = trace.selection?.project?.slug ?? null
    const prompt = request.embedding || !trace.selection ? null : { messages: request.messages, language: request.language, project }
    const keep = () => this.rooms.traces.note({ tenantId: caller.tenant.id, rid, explain: () => trace.explanation(refusal), prompt })
    // The first one's trace tells of all of them, so it waits for the last.
    if (part) part.hold(keep)
    else keep()
  }

  private async run(call: ChatCall, running: RunningCall, plan: CallPlan, reservation: Reservation): Promise<ChatResult> {
    let stopReason: StopReason | null = null
    this.checkpoints.start(running, reservation, (reason) => {
      stopReason = reason
      call.stop.abort()
    })
    let attempted: Awaited<ReturnType<ChoicesService['run']>> | null = null
    try {
      attempted = await this.choices.run(running, plan, reservation, call.reply, call.stop.signal)
    } finally {
      if (!attempted) await this.settle(reservation, faultClaim(running, reservation))
    }
    const durationMs = Math.round(this.clock.monotonicMs() - running.startedAtMonotonicMs)
    const { claim, result } = concludeCall(running, reservation, attempted, { durationMs, stopReason, isClientGone: call.stop.signal.aborted && stopReason === null })
    const isDurable = await this.settle(reservation, claim)
    return isDurable || result.kind !== 'completed' ? result : { kind: 'unrecorded' }
  }

  /** A call is checkpointed until its claim is durable: one that waits for a store must not be swept meanwhile. */
  private async settle(reservation: Reservation, claim: UsageClaim): Promise<boolean> {
    return this.settlement.record(reservation, claim).finally(() => this.checkpoints.finish(reservation.rid))
  }

  /** A plan for the model asked for and those that may stand in for it: when it is on no live host, or all its targets fail. */
  private async plan(call: ChatCall, selection: Selection, trace: CallTrace): Promise<CallPlan | Refused> {
    const first = await this.planFor(call, selection, trace.leg(selection))
    if (selection.model.fallbacks.length === 0 || (first.kind === 'refused' && first.refusal.code !== 'model_not_available')) return first
    const later = await Promise.all(this.access.standIns(call.caller, selection).map((other) => this.planFor(call, other, trace.leg(other))))
    return chainPlans(first, later, this.config.TOLLGATE_TOTAL_TIMEOUT_MS)
  }

  private async planFor({ caller, ...call }: ChatCall, selection: Selection, leg: TraceLeg): Promise<CallPlan | Refused> {
    const request = withModelDefaults(withPreset(call.request, selection), selection.model, promptWords(caller, selection, this.clock.now()))
    const candidates = await this.route(caller, selection, leg)
    if (candidates.length === 0) {
      const model = selection.model.name
      return refused(refuse('model_not_available', { model }, { retryAfterSeconds: RETRY_AFTER_SECONDS }))
    }
    const blind = imageRefusal(request.messages, selection.model)
    if (blind) return refused(blind)
    const fit = fitCandidates(request, candidates, {
      lackOf: (provider) => this.rooms.providers.lackOf(provider, request),
      contextOf: (provider) => contextAt(selection.model, provider, this.config),
    })
    if ('refusal' in fit) return fit
    leg.fit = fit
    const prices = await this.rooms.catalog.pricesOf(selection.model.name, caller.tenant.id)
    return planCall(request, selection, fit, {
      tenantId: caller.tenant.id,
      currency: caller.tenant.currency,
      nowMs: this.clock.now(),
      mostAttemptMs: this.config.TOLLGATE_TOTAL_TIMEOUT_MS,
      prices,
      defaultMaxTokens: this.config.OLLAMA_MAX_TOKENS ?? null,
      answersSeveral: (provider) => this.rooms.providers.answersSeveral(provider),
    })
  }

  private async route(caller: Caller, selection: Selection, leg: TraceLeg): Promise<readonly Candidate[]> {
    const order = () => {
      leg.pool = this.rooms.hosts.candidates(selection.model.name)
      const served = leg.pool.filter(({ provider }) => this.rooms.providers.adapterFor(provider))
      return (leg.ordered = orderAttempts(served, {
        homeRegion: caller.tenant.homeRegion,
        allowedRegions: selection.allowedRegions,
        provider: selection.name.provider,
        preferredProvider: this.config.PREFERRED_PROVIDER,
        distanceMs: (from, to) => this.rooms.hosts.distanceMs(from, to),
        maxAttempts: Math.min(MOST_ATTEMPTS, this.config.OLLAMA_MAX_RETRIES + 1),
        isFallbackEnabled: this.config.ENABLE_FALLBACK,
      }))
    }
    const ordered = order()
    const nowMs = this.clock.monotonicMs()
    if (ordered.length > 0 || nowMs - this.reloadedAtMs < RELOAD_EVERY_MS) return ordered
    this.reloadedAtMs = nowMs
    await this.rooms.hosts.refresh().catch(() => undefined)
    return order()
  }

  /** The admission with the plan it is for: near the end of its money a call is let in without dear stand-ins, a stream with a shorter answer. */
  private async admit(running: RunningCall, wanted: CallPlan, isDry: boolean): Promise<{ admission: Admission; plan: CallPlan }> {
    const { tier, project } = running.selection
    let plan = wanted
    const mostMs = this.config.TOLLGATE_TOTAL_TIMEOUT_MS
    const lower = (leftPico: bigint, rule: string): CallPlan | null => {
      const less = withinPrice(wanted, leftPico, mostMs) ?? (running.request.stream ? shortenPlan(withoutStandIns(wanted), leftPico, rule, mostMs) : null)
      plan = less ?? wanted
      return less
    }
    const admission = await this.rooms.limits.admit({
      rid: running.rid,
      caller: running.caller,
      tier,
      project,
      estimatePico: wanted.estimatePico,
      estimateTokens: wanted.estimateTokens,
      leaseMs: this.config.TOLLGATE_LEASE_MS,
      gatewayId: this.checkpoints.gatewayId,
      draft: (budgets) => running.draft(budgets),
      isDry,
      lower,
    })
    return { admission, plan }
  }

  /** The caller's record changed since it was cached: read it again, and walk the corridor once more. */
  private async enterRenewed(call: ChatCall, trace: CallTrace, isDry: boolean, renewals: number): Promise<Entered | Refused> {
    const renewed = await this.rooms.authentication.renew(call.caller)
    if (renewed.kind === 'refused') return renewed
    trace.caller = renewed.caller
    return this.enter({ ...call, caller: renewed.caller, selection: undefined }, trace, { isDry, renewals })
  }
}

function refused(refusal: Refusal): Refused {
  return { kind: 'refused', refusal }
}

/** The temperature of the task that a rule names. */
function withPreset(request: ChatRequest, { temperature }: Selection): ChatRequest {
  return temperature === null ? request : { ...request, parameters: { ...request.parameters, temperature } }
}

/** A bug of ours between admission and outcome: nothing is charged, and the reservation is freed all the same. */
function faultClaim(running: RunningCall, reservation: Reservation) {
  return running.claim({ budgets: reservation.budgets, admittedAtMs: reservation.admittedAtMs, rank: 1, status: 'failed', usage: running.usageSoFar(), isCharged: false, outcome: null, errorCode: 'internal_error', durationMs: 0 })
}
