import { refuse, type ChatRequest, type Pico, type Refusal } from '@tollgate/kernel'
import { priceInForce, upperBoundCost, upperBoundPromptTokens, type Price } from '@tollgate/pricing'
import type { Candidate } from '@tollgate/routing'
import type { Selection } from './access.service'

/** A deployment that may be tried, with the price row its call would be billed by. */
export interface PricedCandidate {
  readonly candidate: Candidate
  readonly price: Price
}

/** What a permitted call may use at most, and where it may go, in order. */
export interface CallPlan {
  readonly kind: 'planned'
  readonly targets: readonly PricedCandidate[]
  readonly maxTokens: number
  readonly estimatePico: Pico
  readonly estimateTokens: number
  readonly warnings: readonly string[]
}

/** Who asks and when, for the price look-up. */
export interface PlanContext {
  readonly tenantId: string
  readonly nowMs: number
  readonly prices: readonly Price[]
  /** The operator's default where the caller names no limit (OLLAMA_MAX_TOKENS); null = the tier's most. */
  readonly defaultMaxTokens: number | null
}

/**
 * The estimate step: output is bounded by tier and model, cost by the dearest deployment in the list, so one
 * reservation covers every fallback. A deployment without a price is left out; without any, nothing is dispatched.
 */
export function planCall(request: ChatRequest, selection: Selection, candidates: readonly Candidate[], context: PlanContext): CallPlan | { kind: 'refused'; refusal: Refusal } {
  const { model, tier } = selection
  const targets = candidates.flatMap((candidate) => {
    const price = model.isFree ? FREE : priceInForce(context.prices, { model: model.name, provider: candidate.provider, region: candidate.region, tier: tier.slug, tenantId: context.tenantId, atMs: context.nowMs })
    return price ? [{ candidate, price }] : []
  })
  if (targets.length === 0) return { kind: 'refused', refusal: refuse('price_missing', { model: model.name }, { retryAfterSeconds: 60 }) }
  const cap = Math.min(tier.maxOutputTokens, model.maxOutputTokens ?? Infinity)
  const maxTokens = Math.min(request.maxTokens ?? context.defaultMaxTokens ?? cap, cap)
  const promptTokens = upperBoundPromptTokens(request.bodyBytes, request.messages.length)
  const estimatePico = targets.reduce((most, { price }) => max(most, upperBoundCost(promptTokens, maxTokens, price)), 0n)
  const isLowered = request.maxTokens !== null && request.maxTokens > cap
  const warnings = isLowered ? [`max_tokens was lowered from ${request.maxTokens} to ${cap}, the most of the ${tier.slug} tier for this model`] : []
  return { kind: 'planned', targets, maxTokens, estimatePico, estimateTokens: promptTokens + maxTokens, warnings }
}

/** Stands in for a price row where the catalogue marks the model free. */
const FREE: Price = {
  id: '',
  model: '*',
  provider: null,
  region: null,
  tier: null,
  tenantId: null,
  effectiveAtMs: 0,
  createdAtMs: 0,
  currency: 'USD',
  inputPico: 0n,
  outputPico: 0n,
  cachedInputPico: null,
  cacheWritePico: null,
  reasoningPico: null,
  perRequestPico: 0n,
  gpuSecondPico: null,
  isFree: true,
  source: 'catalogue',
}

function max(a: Pico, b: Pico): Pico {
  return a > b ? a : b
}
