import { decimalFromPico, type Caller, type ChatRequest, type Refusal } from '@tollgate/kernel'
import { budgetsTold, type Reservation } from '@tollgate/limits'
import type { Candidate } from '@tollgate/routing'
import type { Selection } from './access.service'
import type { PartNote } from './part-note'
import type { CallPlan } from './plan'

/** Candidates told of one by one; the rest are counted. */
const MOST_CANDIDATES = 24
/** Longest text of a caller's or refusal's own words. */
const LONGEST = 300

/** What was found for one model: the one asked for, or one that may stand in for it. */
export interface TraceLeg {
  readonly selection: Selection
  /** Every deployment of the model, whatever its region and health. */
  pool: readonly Candidate[]
  ordered: readonly Candidate[]
  fit: readonly Candidate[]
}

/**
 * What was decided for a call on its way through the corridor, as references to what the steps made anyway; `explanation`
 * turns them into JSON once the answer is out. Holds no prompt beyond the call's own request.
 */
export class CallTrace {
  selection: Selection | null = null
  private readonly legs: TraceLeg[] = []
  plan: CallPlan | null = null
  reservation: Reservation | null = null

  constructor(
    /** Read anew when its record had changed. */
    public caller: Caller,
    readonly request: ChatRequest,
    private readonly part?: PartNote,
  ) {}

  /** Begins to note what is found for a model. */
  leg(selection: Selection): TraceLeg {
    const leg: TraceLeg = { selection, pool: [], ordered: [], fit: [] }
    this.legs.push(leg)
    return leg
  }

  /** `refusal` = why nothing was served, or null. Bounded: names, numbers and sentences of ours. */
  explanation(refusal: Refusal | null): Record<string, unknown> {
    const { selection } = this
    const candidates = this.legs.flatMap((leg) => leg.pool.map((candidate) => ({ leg, candidate })))
    return {
      requested_model: this.request.model?.slice(0, LONGEST) ?? null,
      model: this.plan?.model.name ?? selection?.model.name ?? null,
      tier: this.caller.tenant.tier,
      project: selection?.project?.slug ?? null,
      resolution: selection?.name.steps ?? [],
      selection: selection?.note ?? null,
      temperature_preset: selection?.temperature ?? null,
      allowed_regions: selection?.allowedRegions ?? [],
      candidates: candidates.slice(0, MOST_CANDIDATES).map(({ leg, candidate }) => this.verdict(leg, candidate)),
      more_candidates: Math.max(0, candidates.length - MOST_CANDIDATES),
      limits: this.plan && this.limits(this.plan),
      warnings: this.plan?.warnings ?? [],
      ...(this.part ? { [this.part.of]: this.part.explanation() } : {}),
      refusal: refusal && { code: refusal.code, status: refusal.status, error: refusal.message.slice(0, LONGEST), details: plainDetails(refusal.details) },
    }
  }

  private verdict(leg: TraceLeg, candidate: Candidate): Record<string, unknown> {
    const { hostName: host, provider, region, isHealthy, isOpen } = candidate
    const at = this.plan ? this.plan.targets.findIndex((target) => target.candidate === candidate) : -1
    const target = at < 0 ? null : this.plan!.targets[at]!
    const order = target ? at + 1 : null
    const priceId = !target || target.price.id === '' ? null : target.price.id
    return { model: candidate.model, host, provider, region, healthy: isHealthy, circuit_open: isOpen, order, price_id: priceId, dropped: target ? null : this.whyDropped(leg, candidate) }
  }

  /** Read from what each step left over, so that it cannot say another thing than the steps did. */
  private whyDropped({ selection, ordered, fit }: TraceLeg, candidate: Candidate): string {
    const { provider } = selection.name
    if (!selection.allowedRegions.includes(candidate.region)) return `its region ${candidate.region} is not allowed`
    if (provider !== null && provider !== candidate.provider) return `the call names provider ${provider}`
    if (!ordered.includes(candidate)) return candidate.isOpen ? 'its circuit is open' : 'others come first, and so many are tried at most; or fallback to another provider is off'
    if (fit.length > 0 && !fit.includes(candidate)) return 'it could not serve the whole request: a parameter or the context'
    if (!this.plan) return fit.length > 0 ? 'no price is in force there, or the call could cost too much' : 'the call was refused before a host was chosen'
    return 'no price is in force there, or it is a stand-in that is not needed or could cost too much'
  }

  private limits(plan: CallPlan): Record<string, unknown> {
    const headroom = this.reservation?.headroom ?? null
    const window = (unit: 'requests' | 'tokens', taken: number) => {
      const left = headroom?.[unit]
      return left ? { limit: left.limit, before: left.remaining + Math.min(taken, left.limit), after: left.remaining } : null
    }
    return {
      max_tokens: plan.maxTokens,
      prompt_tokens_at_most: plan.promptTokens,
      reserved: { cost: decimalFromPico(plan.estimatePico), currency: this.caller.tenant.currency, tokens: plan.estimateTokens },
      requests: window('requests', 1),
      tokens: window('tokens', plan.estimateTokens),
      budgets: this.reservation ? budgetsTold(this.reservation) : [],
    }
  }
}

/** Details of a refusal that are words and numbers; lists of models are left out, they say nothing of this call. */
function plainDetails(details: Refusal['details']): Record<string, unknown> {
  return Object.fromEntries(Object.entries(details).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value)))
}
