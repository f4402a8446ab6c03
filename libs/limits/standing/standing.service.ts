import { Inject, Injectable } from '@nestjs/common'
import { RefusalError, type Caller, type CallerProject, type Ids } from '@tollgate/kernel'
import { IDS } from '@tollgate/platform/clock'
import { resetOf, type Headroom } from '../domain/admission'
import type { Period } from '../domain/period'
import type { Reservation } from '../domain/reservation'
import type { TierLimits } from '../domain/scopes'
import { LimitsService } from '../limits.service'

/** A set of windows as it stands: what the last minute counts, beside what it may. Null = no limit. */
export interface WindowStanding {
  /** Which rule it is, e.g. `free tier` or `API key`. */
  readonly rule: string
  readonly requests: { readonly limit: number; readonly used: number } | null
  readonly tokens: { readonly limit: number; readonly used: number } | null
  readonly maxParallel: number | null
}

/** A budget in its present period. `reservedPico` is what running calls may cost at most; null `maxPico` = no limit. */
export interface StandingBudget {
  /** `tenant`, `project:<id>`, `key:<id>` or `credit`. */
  readonly scope: string
  readonly rule: string
  readonly period: Period
  readonly maxPico: bigint | null
  readonly usedPico: bigint
  readonly reservedPico: bigint
  readonly resetsAt: string | null
}

/** What a caller's next call would be measured by. */
export interface Standing {
  readonly windows: readonly WindowStanding[]
  /** The tenant's own comes first: every call is counted there. */
  readonly budgets: readonly StandingBudget[]
}

/** Beyond any limit, and exact in a Lua number: with it a window is counted and never refuses. */
const OPEN = 10 ** 13

/**
 * How a caller stands, by the very script that admits: a dry admission of nothing, with the limits out of the way, so
 * that a used-up limit is told and not refused.
 */
@Injectable()
export class StandingService {
  constructor(
    private readonly limits: LimitsService,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /** `stale` = the caller's cached record is older than a change. @throws RefusalError as an admission is refused, limits_unavailable above all */
  async of(caller: Caller, tier: TierLimits, project: CallerProject | null): Promise<Standing | 'stale'> {
    const { key } = caller
    const ofTenant = await this.look({ ...caller, key: { ...key, ...NO_LIMIT } }, { ...tier, ...OPEN_LIMIT }, project)
    const hasOwn = key.requestsPerMinute !== null || key.tokensPerMinute !== null || key.maxParallel !== null
    const ofKey = hasOwn ? await this.look({ ...caller, key: { ...key, ...OPEN_LIMIT } }, { ...tier, ...NO_LIMIT }, project) : null
    if (ofTenant === 'stale' || ofKey === 'stale') return 'stale'
    return {
      windows: [windowOf(`${tier.slug} tier`, tier, ofTenant.headroom), ...(ofKey ? [windowOf('API key', key, ofKey.headroom)] : [])],
      budgets: budgetsOf(ofTenant),
    }
  }

  private async look(caller: Caller, tier: TierLimits, project: CallerProject | null): Promise<Reservation | 'stale'> {
    const admission = await this.limits.admit({ rid: this.ids.uuid(), caller, tier, project, estimatePico: 0n, estimateTokens: 0, leaseMs: 0, gatewayId: '', draft: () => '', isDry: true })
    if (admission.kind === 'refused') throw new RefusalError(admission.refusal)
    return admission.kind === 'stale' ? 'stale' : admission.reservation
  }
}

const NO_LIMIT = { requestsPerMinute: null, tokensPerMinute: null, maxParallel: null }
const OPEN_LIMIT = { requestsPerMinute: OPEN, tokensPerMinute: OPEN, maxParallel: null }

function windowOf(rule: string, limits: Pick<TierLimits, 'requestsPerMinute' | 'tokensPerMinute' | 'maxParallel'>, { requests, tokens }: Headroom): WindowStanding {
  // The call that was asked for counts as one request, and no tokens.
  const used = (limit: number | null, counted: number) => (limit === null ? null : { limit, used: counted })
  return {
    rule,
    requests: used(limits.requestsPerMinute, OPEN - 1 - requests!.remaining),
    tokens: used(limits.tokensPerMinute, OPEN - tokens!.remaining),
    maxParallel: limits.maxParallel,
  }
}

function budgetsOf({ scopes, standings }: Reservation): StandingBudget[] {
  return scopes.map((budget, i) => {
    const { scope, rule, period, maxPico } = budget
    const { usedNano, reservedNano } = standings[i]!
    return { scope, rule, period, maxPico, usedPico: BigInt(usedNano) * 1000n, reservedPico: BigInt(reservedNano) * 1000n, resetsAt: resetOf(budget) }
  })
}
