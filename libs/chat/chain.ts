import { MOST_CHARGE_PICO, type Pico, type Refusal } from '@tollgate/kernel'
import type { NextStep } from '@tollgate/routing'
import { mostCost, type CallPlan, type PricedCandidate } from './plan'

/** Targets of one fallback that are tried: whoever waits has seen its own model fail already. */
const MOST_TARGETS = 2

type Planned = CallPlan | { readonly kind: 'refused'; readonly refusal: Refusal }

/**
 * One plan from that of the model asked for and those of its stand-ins: the targets of each come after all of the one
 * before. One whose circuits are all open is not live: it is passed over while another is. The first that can be served at
 * all sets how long the answer may be; the reservation covers the dearest. What no ledger row could hold is left out.
 * Nothing to serve: the refusal of the model asked for. Pure.
 */
export function chainPlans(first: Planned, later: readonly Planned[], mostAttemptMs: number): Planned {
  const all = [first, ...later].filter((plan): plan is CallPlan => plan.kind === 'planned')
  const live = all.filter((plan) => plan.targets.some(({ candidate }) => !candidate.isOpen))
  const plans = live.length > 0 ? live : all
  const [base, ...others] = plans
  if (!base || others.length === 0) return base ?? first
  const promptTokens = Math.max(...plans.map((plan) => plan.promptTokens))
  const targets = others.flatMap((plan) => plan.targets.slice(0, MOST_TARGETS).map((target) => ({ ...target, standIn: { model: plan.model, request: plan.request, maxTokens: plan.maxTokens } })))
  return withinPrice({ ...base, promptTokens, targets: [...base.targets, ...targets] }, MOST_CHARGE_PICO, mostAttemptMs) ?? base
}

/**
 * The plan without the targets that could cost more than is left, be they dearer hosts of the model or stand-ins: a
 * fallback never leaves the price ceiling. Null when no host of the model that is tried first fits. Pure.
 */
export function withinPrice(plan: CallPlan, leftPico: Pico, mostAttemptMs: number): CallPlan | null {
  const costOf = (targets: readonly PricedCandidate[]) => mostCost(targets, plan.promptTokens, plan.maxTokens * plan.choices, mostAttemptMs)
  const targets = plan.targets.filter((target) => costOf([target]) <= leftPico)
  return targets.every(({ standIn }) => standIn) ? null : { ...plan, targets, estimatePico: costOf(targets), estimateTokens: plan.promptTokens + plan.maxTokens * plan.choices }
}

/** The plan with the model that is tried first alone. Pure. */
export function withoutStandIns(plan: CallPlan): CallPlan {
  return { ...plan, targets: plan.targets.filter((target) => !target.standIn) }
}

/** The targets that are left after one failed, in their order, when this step follows. Pure. */
export function leftAfter(step: NextStep, failed: PricedCandidate, left: readonly PricedCandidate[]): readonly PricedCandidate[] {
  switch (step.kind) {
    case 'stop':
      return []
    case 'again':
      return [failed, ...left]
    case 'next':
      return left
    case 'stand_in':
      return left.filter(({ candidate }) => candidate.model !== failed.candidate.model)
  }
}
