import type { Pico, Usage } from '@tollgate/kernel'

/**
 * A dated tariff row (metering.md, Money). Amounts are pico of `currency` per token unless named otherwise. A null class
 * is billed as its parent: cached input and cache writes as input, reasoning as output.
 */
export interface Price {
  readonly id: string
  /** Canonical model name, or `*` for every model of the row's provider. */
  readonly model: string
  readonly provider: string | null
  readonly region: string | null
  readonly tier: string | null
  readonly tenantId: string | null
  readonly effectiveAtMs: number
  readonly createdAtMs: number
  readonly currency: string
  readonly inputPico: Pico
  readonly outputPico: Pico
  readonly cachedInputPico: Pico | null
  readonly cacheWritePico: Pico | null
  readonly reasoningPico: Pico | null
  readonly perRequestPico: Pico
  readonly gpuSecondPico: Pico | null
  readonly isFree: boolean
  readonly source: string
}

/** What a price is looked up for. */
export interface PriceQuery {
  readonly model: string
  readonly provider: string
  readonly region: string
  readonly tier: string
  readonly tenantId: string
  readonly atMs: number
}

/** How special a row is: an exact model beats `*`, then tenant beats tier beats region beats provider. Null = no match. */
function specificity(price: Price, query: PriceQuery): number | null {
  if (price.effectiveAtMs > query.atMs) return null
  if (price.model !== '*' && price.model !== query.model) return null
  if (price.provider !== null && price.provider !== query.provider) return null
  if (price.region !== null && price.region !== query.region) return null
  if (price.tier !== null && price.tier !== query.tier) return null
  if (price.tenantId !== null && price.tenantId !== query.tenantId) return null
  return (price.tenantId ? 16 : 0) + (price.tier ? 8 : 0) + (price.region ? 4 : 0) + (price.provider ? 2 : 0) + (price.model === '*' ? 0 : 32)
}

/**
 * The row in force: the most special one that matches, then the latest effective, then the latest created. An exact
 * model always beats `*`. Null = the model has no price there.
 */
export function priceInForce(prices: readonly Price[], query: PriceQuery): Price | null {
  let best: Price | null = null
  let bestScore = -1
  for (const price of prices) {
    const score = specificity(price, query)
    if (score === null || score < bestScore) continue
    const isLater = best !== null && (price.effectiveAtMs - best.effectiveAtMs || price.createdAtMs - best.createdAtMs) > 0
    if (score > bestScore || isLater) {
      best = price
      bestScore = score
    }
  }
  return best
}

/** Exact cost of a usage under a price, in pico: Σ tokens × pico per token + the fee per request. Never rounds. */
export function costOf(usage: Usage, price: Price): Pico {
  if (price.isFree) return 0n
  const plainPrompt = usage.promptTokens - usage.cachedTokens - usage.cacheWriteTokens
  const plainCompletion = usage.completionTokens - usage.reasoningTokens
  return (
    BigInt(Math.max(0, plainPrompt)) * price.inputPico +
    BigInt(usage.cachedTokens) * (price.cachedInputPico ?? price.inputPico) +
    BigInt(usage.cacheWriteTokens) * (price.cacheWritePico ?? price.inputPico) +
    BigInt(Math.max(0, plainCompletion)) * price.outputPico +
    BigInt(usage.reasoningTokens) * (price.reasoningPico ?? price.outputPico) +
    price.perRequestPico
  )
}
