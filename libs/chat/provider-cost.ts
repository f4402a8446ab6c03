import { estimatedUsage, MOST_CHARGE_PICO, type Pico } from '@tollgate/kernel'
import { costOf, lowEstimatePromptTokens, reportedCost } from '@tollgate/pricing'
import type { AttemptOutcome } from '@tollgate/providers'
import { completedEstimate } from './conclude'
import type { RunningCall } from './running-call'

/** Failures before any work: the provider bills nothing. */
const UNBILLED = new Set(['not_dispatched', 'refused', 'caller', 'misconfigured'])

/**
 * What the operator pays for the attempt that just ended, in pico of `COST_CURRENCY`; null = not known. In this order:
 * the host's share of its cost per hour (nothing when it was never reached), the cost its provider reported, nothing for
 * a refusal, the provider's price book. A reply that was cut is counted low, by what was delivered (metering.md, I3).
 */
export function providerCost(call: RunningCall, outcome: AttemptOutcome, hostSharePico: Pico | null): Pico | null {
  const { failure } = outcome
  if (failure?.class === 'not_dispatched') return 0n
  if (hostSharePico !== null) return hostSharePico
  const reported = reportedCost(outcome.rawUsage)
  if (reported !== null) return reported
  const price = call.target?.providerPrice
  if (!price) return null
  if (failure && UNBILLED.has(failure.class)) return 0n
  if (failure && !outcome.usage) return costSoFar(call, null)
  return bounded(costOf(outcome.usage ?? completedEstimate(call, outcome), price, call.attemptMs))
}

/** As above, of an attempt that says nothing itself: it still runs, or was cut. Before its first token nobody knows. */
export function costSoFar(call: RunningCall, hostSharePico: Pico | null): Pico | null {
  if (hostSharePico !== null) return hostSharePico
  const price = call.target?.providerPrice
  if (!price || call.deliveredInAttempt === 0) return null
  return bounded(costOf(estimatedUsage(lowEstimatePromptTokens(call.request.messages), call.deliveredInAttempt), price, call.attemptMs))
}

/** No attempt costs more than a ledger row holds: such a figure is a mistake, and may not keep a claim from being settled. */
function bounded(costPico: Pico): Pico | null {
  return costPico <= MOST_CHARGE_PICO ? costPico : null
}
