import { Inject, Injectable } from '@nestjs/common'
import { refuse, type Caller, type ChatRequest, type Clock, type Refusal } from '@tollgate/kernel'
import type { Reservation } from '@tollgate/limits'
import { CLOCK } from '@tollgate/platform/clock'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { orderAttempts, type Candidate } from '@tollgate/routing'
import { AccessService, type Selection } from './access.service'
import { AttemptsService } from './attempts.service'
import type { ChatReply, ChatResult } from './chat-result'
import { CheckpointService, type StopReason } from './checkpoint.service'
import { concludeCall } from './conclude'
import { CorridorRooms } from './corridor-rooms'
import { planCall, type CallPlan } from './plan'
import { RunningCall } from './running-call'
import { SettlementService } from './settlement.service'

const MOST_ATTEMPTS = 3
const RETRY_AFTER_SECONDS = 5
/** A model without a host is looked for again in the database at most this often: a host added just now serves at once. */
const RELOAD_EVERY_MS = 250

/** A call on its way through the corridor. `rid` is the request id of reply, log and ledger. */
export interface ChatCall {
  readonly rid: string
  readonly surface: string
  readonly caller: Caller
  readonly request: ChatRequest
  readonly reply: ChatReply
  /** Ends the call: the door aborts it when the client leaves, the corridor when it must stop by itself. */
  readonly stop: AbortController
}

type Refused = { readonly kind: 'refused'; readonly refusal: Refusal }

/** The corridor: every inference surface walks through `serve`, and nothing else admits a call. */
@Injectable()
export class ChatService {
  private reloadedAtMs = -Infinity

  constructor(
    private readonly access: AccessService,
    private readonly rooms: CorridorRooms,
    private readonly attempts: AttemptsService,
    private readonly settlement: SettlementService,
    private readonly checkpoints: CheckpointService,
    @Inject(CONFIG) private readonly config: ClusterConfig,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The story of a request: select → permit → estimate → admit → route → attempt → record. */
  async serve(call: ChatCall, isRenewed = false): Promise<ChatResult> {
    const startedAtMs = this.clock.monotonicMs()
    if (!this.settlement.canTakeMore()) return refused(refuse('usage_unavailable', {}, { retryAfterSeconds: 2 }))
    const selection = await this.access.select(call.caller, call.request)
    if (selection.kind === 'refused') return selection
    const plan = await this.plan(call, selection)
    if (plan.kind === 'refused') return plan
    const running = new RunningCall(call.rid, call.caller, call.request, selection, call.surface, startedAtMs)
    running.warnings = plan.warnings
    const admission = await this.admit(running, plan)
    if (admission.kind === 'refused') return admission
    if (admission.kind === 'stale') return isRenewed ? refused(refuse('limits_unavailable', {}, { retryAfterSeconds: 1 })) : this.serveRenewed(call)
    return this.run(call, running, plan, admission.reservation)
  }

  private async run(call: ChatCall, running: RunningCall, plan: CallPlan, reservation: Reservation): Promise<ChatResult> {
    let stopReason: StopReason | null = null
    this.checkpoints.start(running, reservation, (reason) => {
      stopReason = reason
      call.stop.abort()
    })
    let attempted: Awaited<ReturnType<AttemptsService['run']>> | null = null
    try {
      attempted = await this.attempts.run(running, plan, reservation, call.reply, call.stop.signal)
    } finally {
      this.checkpoints.finish(call.rid)
      if (!attempted) await this.settlement.record(reservation, faultClaim(running, reservation))
    }
    const durationMs = Math.round(this.clock.monotonicMs() - running.startedAtMonotonicMs)
    const { claim, result } = concludeCall(running, reservation, attempted, { durationMs, stopReason, isClientGone: call.stop.signal.aborted && stopReason === null })
    const isDurable = await this.settlement.record(reservation, claim)
    return isDurable || result.kind !== 'completed' ? result : { kind: 'unrecorded' }
  }

  private async plan(call: ChatCall, selection: Selection): Promise<CallPlan | Refused> {
    const candidates = await this.route(call.caller, selection)
    if (candidates.length === 0) {
      const model = selection.model.name
      return refused(refuse('model_not_available', { model }, { retryAfterSeconds: RETRY_AFTER_SECONDS }))
    }
    const prices = await this.rooms.catalog.pricesOf(selection.model.name, call.caller.tenant.id)
    return planCall(call.request, selection, candidates, { tenantId: call.caller.tenant.id, nowMs: this.clock.now(), prices, defaultMaxTokens: this.config.OLLAMA_MAX_TOKENS ?? null })
  }

  private async route(caller: Caller, selection: Selection): Promise<Candidate[]> {
    const order = () =>
      orderAttempts(this.rooms.hosts.candidates(selection.model.name).filter(({ provider }) => this.rooms.providers.adapterFor(provider)), {
        homeRegion: caller.tenant.homeRegion,
        allowedRegions: selection.allowedRegions,
        provider: selection.name.provider,
        preferredProvider: this.config.PREFERRED_PROVIDER,
        distanceMs: (from, to) => this.rooms.hosts.distanceMs(from, to),
        maxAttempts: Math.min(MOST_ATTEMPTS, this.config.OLLAMA_MAX_RETRIES + 1),
        isFallbackEnabled: this.config.ENABLE_FALLBACK,
      })
    const ordered = order()
    const nowMs = this.clock.monotonicMs()
    if (ordered.length > 0 || nowMs - this.reloadedAtMs < RELOAD_EVERY_MS) return ordered
    this.reloadedAtMs = nowMs
    await this.rooms.hosts.refresh().catch(() => undefined)
    return order()
  }

  private admit(running: RunningCall, plan: CallPlan) {
    const { tier, project } = running.selection
    return this.rooms.limits.admit({
      rid: running.rid,
      caller: running.caller,
      tier,
      project,
      estimatePico: plan.estimatePico,
      estimateTokens: plan.estimateTokens,
      leaseMs: this.config.TOLLGATE_LEASE_MS,
      gatewayId: this.checkpoints.gatewayId,
      draft: (budgets) => running.draft(budgets, this.clock.now()),
    })
  }

  /** The caller's record changed since it was cached: read it again, and walk the corridor once more. */
  private async serveRenewed(call: ChatCall): Promise<ChatResult> {
    const renewed = await this.rooms.authentication.renew(call.caller)
    if (renewed.kind === 'refused') return renewed
    return this.serve({ ...call, caller: renewed.caller }, true)
  }
}

function refused(refusal: Refusal): Refused {
  return { kind: 'refused', refusal }
}

/** A bug of ours between admission and outcome: nothing is charged, and the reservation is freed all the same. */
function faultClaim(running: RunningCall, reservation: Reservation) {
  return running.claim({ budgets: reservation.budgets, admittedAtMs: reservation.admittedAtMs, rank: 1, status: 'failed', usage: running.usageSoFar(), isCharged: false, outcome: null, errorCode: 'internal_error', durationMs: 0 })
}
