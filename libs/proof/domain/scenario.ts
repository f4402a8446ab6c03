import type { Pico } from '@tollgate/kernel'
import { priceInForce, type Price, type PriceQuery } from '@tollgate/pricing'

/** What a price is made of, as the wire names it. */
export const PRICE_CLASSES = ['input', 'output', 'cached_input', 'cache_write', 'reasoning', 'per_request', 'gpu_second'] as const
export type PriceClass = (typeof PRICE_CLASSES)[number]

/** A change in per cent of the prices of some calls; null matches every call. */
export interface PriceChange {
  readonly model: string | null
  readonly provider: string | null
  readonly region: string | null
  readonly tenantId: string | null
  readonly classes: ReadonlySet<PriceClass>
  /** Per cent × 10⁶: −10 % is −10 000 000. At least −100 %. */
  readonly percentMillionths: bigint
}

/** Another price book. Without rows and changes it is the one that was in force. */
export interface Scenario {
  /** Rows as if they had been there; a row wins over the one really in force when it is as special or more. */
  readonly prices: readonly Price[]
  /** The rows are the whole book: what they do not price has no price. */
  readonly isWholeBook: boolean
  /** The first that matches a call changes its price, whichever row that is. */
  readonly changes: readonly PriceChange[]
}

const WHOLE = 100_000_000n

/**
 * The price of a call in a scenario; null = none. Without a matching row or change it is the very row that was in force.
 * @param stored the row the call was billed by
 */
export function scenarioPrice(scenario: Scenario, stored: Price, query: PriceQuery): Price | null {
  const row = scenarioRow(scenario, stored, query)
  const change = row && scenario.changes.find((one) => matches(one, query))
  return row && change ? changedPrice(row, change) : row
}

function scenarioRow({ prices, isWholeBook }: Scenario, stored: Price, query: PriceQuery): Price | null {
  const proposed = prices.length > 0 ? priceInForce(prices, query) : null
  if (isWholeBook || !proposed) return isWholeBook ? proposed : stored
  // Equal in time but for one millisecond, so that specificity decides, and a tie goes to the proposed row.
  const [older, newer] = [{ ...stored, effectiveAtMs: 0 }, { ...proposed, effectiveAtMs: 1 }]
  return priceInForce([older, newer], query) === newer ? proposed : stored
}

function matches(change: PriceChange, query: PriceQuery): boolean {
  return (
    (change.model === null || change.model === query.model) &&
    (change.provider === null || change.provider === query.provider) &&
    (change.region === null || change.region === query.region) &&
    (change.tenantId === null || change.tenantId === query.tenantId)
  )
}

/**
 * A price changed by a percentage, each class rounded half-even to what a price row may hold: whole pico a token, and a
 * thousand pico a GPU-second. A class without a price of its own follows its parent, unless it alone is to change.
 */
export function changedPrice(price: Price, change: PriceChange): Price {
  const factor = WHOLE + change.percentMillionths
  const scale = (pico: Pico, step: bigint) => divideHalfEven(pico * factor, WHOLE * step) * step
  const scaled = <T extends Pico | null>(name: PriceClass, pico: T, step = 1n) => (pico !== null && change.classes.has(name) ? scale(pico, step) : pico)
  const child = (name: PriceClass, own: Pico | null, parentName: PriceClass, parent: Pico) => {
    if (own !== null) return scaled(name, own)
    return change.classes.has(name) && !change.classes.has(parentName) ? scaled(name, parent) : null
  }
  return {
    ...price,
    inputPico: scaled('input', price.inputPico),
    outputPico: scaled('output', price.outputPico),
    cachedInputPico: child('cached_input', price.cachedInputPico, 'input', price.inputPico),
    cacheWritePico: child('cache_write', price.cacheWritePico, 'input', price.inputPico),
    reasoningPico: child('reasoning', price.reasoningPico, 'output', price.outputPico),
    perRequestPico: scaled('per_request', price.perRequestPico),
    gpuSecondPico: scaled('gpu_second', price.gpuSecondPico, 1000n),
  }
}

function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  const [quotient, twice] = [numerator / denominator, (numerator % denominator) * 2n]
  const isUp = twice > denominator || (twice === denominator && quotient % 2n === 1n)
  return isUp ? quotient + 1n : quotient
}
