/** Where a token count comes from: the provider's own figure, or our estimate when it gave none or an unusable one. */
export type UsageSource = 'provider' | 'estimated'

/**
 * Tokens of one call. Details are parts of their totals, as in OpenAI's usage object: cached and cache-write tokens
 * are part of `promptTokens`, reasoning tokens part of `completionTokens`.
 */
export interface Usage {
  readonly promptTokens: number
  readonly completionTokens: number
  readonly cachedTokens: number
  readonly cacheWriteTokens: number
  readonly reasoningTokens: number
  readonly source: UsageSource
}

/** No call can use more: larger figures are a lie of the upstream (metering.md, F7) and are refused before arithmetic. */
export const MAX_TOKENS_PER_CALL = 1_000_000_000

/** A usable token count: a whole number between 0 and `MAX_TOKENS_PER_CALL`. Zero is a count; absent is not zero (F4). */
export function isTokenCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_TOKENS_PER_CALL
}

/** What two parts of one call used together; estimated when either is. */
export function addUsage(a: Usage, b: Usage): Usage {
  return {
    promptTokens: a.promptTokens + b.promptTokens,
    completionTokens: a.completionTokens + b.completionTokens,
    cachedTokens: a.cachedTokens + b.cachedTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
    reasoningTokens: a.reasoningTokens + b.reasoningTokens,
    source: a.source === 'provider' && b.source === 'provider' ? 'provider' : 'estimated',
  }
}

/** An estimated usage without details. */
export function estimatedUsage(promptTokens: number, completionTokens: number): Usage {
  return { promptTokens, completionTokens, cachedTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0, source: 'estimated' }
}
