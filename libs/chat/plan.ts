import { decimalFromPico, MOST_CHARGE_PICO, refuse, type ChatRequest, type Pico, type Refusal } from '@tollgate/kernel'
import { priceInForce, providerPriceInForce, upperBoundCost, upperBoundPromptTokens, type Price } from '@tollgate/pricing'
import type { Candidate } from '@tollgate/routing'
import type { CatalogModel } from '@tollgate/catalog'
import type { Selection } from './access.service'
import { weighImages } from './images'

/** The shortest answer a prompt is paid for when its budget is nearly used up. */
const LEAST_OUTPUT_TOKENS = 64

/** A deployment that may be tried, with the price row its call would be billed by, and the one its provider bills us by. */
export interface PricedCandidate {
  readonly candidate: Candidate
  readonly price: Price
  readonly providerPrice: Price | null
  /** Set for a model other than the one that is tried first: its entry, its own request (with its defaults) and longest answer. */
  readonly standIn?: { readonly model: CatalogModel; readonly request: ChatRequest; readonly maxTokens: number }
}

/** What a permitted call may use at most, and where it may go, in order. */
export interface CallPlan {
  readonly kind: 'planned'
  /** The model that is tried first. */
  readonly model: CatalogModel
  /** As that model gets it. */
  readonly request: ChatRequest
  readonly targets: readonly PricedCandidate[]
  /** Answers wanted, each of at most `maxTokens`. */
  readonly choices: number
  readonly maxTokens: number
  /** The most tokens of prompt, over all times it is read. */
  readonly promptTokens: number
  readonly estimatePico: Pico
  readonly estimateTokens: number
  readonly warnings: readonly string[]
}

/** Who asks and when, for the price look-up. */
export interface PlanContext {
  readonly tenantId: string
  readonly currency: string
  readonly nowMs: number
  /** The longest an attempt may hold its host, ms: what a price per GPU-second is reserved for. */
  readonly mostAttemptMs: number
  readonly prices: readonly Price[]
  /** The operator's default where the caller names no limit (OLLAMA_MAX_TOKENS); null = the tier's most. */
  readonly defaultMaxTokens: number | null
  /** False: this provider is asked once for each choice, and reads the prompt each time. */
  readonly answersSeveral: (provider: string) => boolean
}

/**
 * The estimate step: output is bounded by tier and model, cost by the dearest deployment in the list, so one
 * reservation covers every fallback. A deployment without a price is left out; without any, nothing is dispatched.
 */
export function planCall(request: ChatRequest, selection: Selection, candidates: readonly Candidate[], context: PlanContext): CallPlan | { kind: 'refused'; refusal: Refusal } {
  const { model, tier } = selection
  const targets = candidates.flatMap((candidate) => {
    const query = { model: model.name, provider: candidate.provider, region: candidate.region, tier: tier.slug, tenantId: context.tenantId, currency: context.currency, atMs: context.nowMs }
    const price = model.isFree ? FREE : priceInForce(context.prices, query)
    return price ? [{ candidate, price, providerPrice: providerPriceInForce(context.prices, query) }] : []
  })
  if (targets.length === 0) return { kind: 'refused', refusal: refuse('price_missing', { model: model.name }, { retryAfterSeconds: 60 }) }
  const cap = Math.min(tier.maxOutputTokens, model.maxOutputTokens ?? Infinity)
  const maxTokens = request.embedding ? 0 : Math.min(request.maxTokens ?? context.defaultMaxTokens ?? cap, cap)
  const choices = request.choices ?? 1
  const readings = targets.every(({ candidate }) => context.answersSeveral(candidate.provider)) ? 1 : choices
  const promptTokens = upperBoundPromptTokens(request.bodyBytes, request.messages.length, weighImages(request.messages)) * readings
  const estimatePico = mostCost(targets, promptTokens, maxTokens * choices, context.mostAttemptMs)
  if (estimatePico > MOST_CHARGE_PICO) return { kind: 'refused', refusal: tooCostly(estimatePico, context.currency) }
  const isLowered = request.maxTokens !== null && request.maxTokens > cap
  const warnings = isLowered ? [`max_tokens was lowered from ${request.maxTokens} to ${cap}, the most of the ${tier.slug} tier for this model`] : []
  return { kind: 'planned', model, request, targets, choices, maxTokens, promptTokens, estimatePico, estimateTokens: promptTokens + maxTokens * choices, warnings }
}

/**
 * The plan of a stream for which only `leftPico` is left: the longest answer that this covers whichever target serves,
 * so that the budget is never passed. Null when the prompt and a short answer do not fit.
 */
export function shortenPlan(plan: CallPlan, leftPico: Pico, rule: string, mostAttemptMs: number): CallPlan | null {
  const { choices, promptTokens } = plan
  let most = BigInt(plan.maxTokens)
  for (const { price } of plan.targets) {
    const barePico = upperBoundCost(promptTokens, 0, price, mostAttemptMs)
    const eachPico = upperBoundCost(promptTokens, choices, price, mostAttemptMs) - barePico
    if (barePico > leftPico) return null
    if (eachPico > 0n && (leftPico - barePico) / eachPico < most) most = (leftPico - barePico) / eachPico
  }
  const maxTokens = Number(most)
  if (maxTokens < LEAST_OUTPUT_TOKENS) return null
  const warning = `the answer was limited to ${maxTokens} tokens: what is left of the budget (${rule}) covers no more`
  return { ...plan, maxTokens, estimatePico: mostCost(plan.targets, promptTokens, maxTokens * choices, mostAttemptMs), estimateTokens: promptTokens + maxTokens * choices, warnings: [...plan.warnings, warning] }
}

/** Refused before anything is reserved or dispatched: no ledger row could hold what it may cost. */
function tooCostly(estimatePico: Pico, currency: string): Refusal {
  const [limit, requested] = [decimalFromPico(MOST_CHARGE_PICO), decimalFromPico(estimatePico)]
  return refuse('request_too_costly', { limit, requested, currency }, { details: { limit, requested, currency } })
}

/** Upper bound of a call at the dearest of these targets. */
export function mostCost(targets: readonly PricedCandidate[], promptTokens: number, maxTokens: number, mostAttemptMs: number): Pico {
  return targets.reduce((most, { price }) => max(most, upperBoundCost(promptTokens, maxTokens, price, mostAttemptMs)), 0n)
}

/** Stands in for a price row where the catalogue marks the model free. */
const FREE: Price = {
  id: '',
  book: 'tariff',
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
