import type { Pico, Usage } from '@tollgate/kernel'
import { COST_CURRENCY } from './provider-cost'

/**
 * A dated tariff row (metering.md, Money). Amounts are pico of `currency` per token unless named otherwise. A null class
 * is billed as its parent: cached input and cache writes as input, reasoning as output.
 */
export interface Price {
  readonly id: string
  /** `tariff`: what tenants pay. `provider`: what the operator pays that provider, and tenants while no tariff row applies. */
  readonly book: 'tariff' | 'provider'
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
  /** Money of another currency is another number: a row in it never applies. */
  readonly currency: string
  readonly atMs: number
}

/**
 * How special a row is: the tariff beats the providers' book, an exact model `*`, then tenant beats tier beats region
 * beats provider. Null = no match.
 */
function specificity(price: Price, query: PriceQuery): number | null {
  if (price.effectiveAtMs > query.atMs || price.currency !== query.currency) return null
  if (price.model !== '*' && price.model !== query.model) return null
  if (price.provider !== null && price.provider !== query.provider) return null
  if (price.region !== null && price.region !== query.region) return null
  if (price.tier !== null && price.tier !== query.tier) return null
  if (price.tenantId !== null && price.tenantId !== query.tenantId) return null
  return (price.book === 'tariff' ? 64 : 0) + (price.model === '*' ? 0 : 32) + (price.tenantId ? 16 : 0) + (price.tier ? 8 : 0) + (price.region ? 4 : 0) + (price.provider ? 2 : 0)
}

/** Which of two equally special rows is the later one: by effective instant, creation, then id, so that no two are equal. */
function isLater(one: Price, other: Price): boolean {
  return (one.effectiveAtMs - other.effectiveAtMs || one.createdAtMs - other.createdAtMs || (one.id > other.id ? 1 : -1)) > 0
}

/**
 * The row in force: the most special one that matches, then the latest effective, then the latest created, then the
 * greatest id; the order of rows never matters. Null = the model has no price there.
 */
export function priceInForce(prices: readonly Price[], query: PriceQuery): Price | null {
  let best: Price | null = null
  let bestScore = -1
  for (const price of prices) {
    const score = specificity(price, query)
    if (score === null || score < bestScore) continue
    if (best === null || score > bestScore || isLater(price, best)) {
      best = price
      bestScore = score
    }
  }
  return best
}

/** The row of the provider's own book in force: what the operator pays where the provider does not say it. Null = not known. */
export function providerPriceInForce(prices: readonly Price[], query: Pick<PriceQuery, 'model' | 'provider' | 'region' | 'atMs'>): Price | null {
  const book = prices.filter((price) => price.book === 'provider')
  return priceInForce(book, { ...query, tier: '', tenantId: '', currency: COST_CURRENCY })
}

/**
 * Exact cost of a usage under a price, in pico: Σ tokens × pico per token + the fee per request + milliseconds on the
 * GPU × a thousandth of the price per GPU-second, which is whole pico for at most nine decimals. Never rounds.
 * @param gpuMs whole milliseconds the serving attempt held its host
 */
export function costOf(usage: Usage, price: Price, gpuMs: number): Pico {
  if (price.isFree) return 0n
  return (
    charge(usage.promptTokens - usage.cachedTokens - usage.cacheWriteTokens, price.inputPico) +
    charge(usage.cachedTokens, price.cachedInputPico ?? price.inputPico) +
    charge(usage.cacheWriteTokens, price.cacheWritePico ?? price.inputPico) +
    charge(usage.completionTokens - usage.reasoningTokens, price.outputPico) +
    charge(usage.reasoningTokens, price.reasoningPico ?? price.outputPico) +
    price.perRequestPico +
    gpuCost(gpuMs, price)
  )
}

/** Most calls have none of most classes: a big integer that is not made costs nothing. Parts beyond their total are no credit. */
function charge(tokens: number, eachPico: Pico): Pico {
  return tokens > 0 ? BigInt(tokens) * eachPico : 0n
}

/** What a call pays for its time on a GPU. */
export function gpuCost(gpuMs: number, price: Price): Pico {
  return price.gpuSecondPico === null ? 0n : (BigInt(gpuMs) * price.gpuSecondPico) / 1000n
}
