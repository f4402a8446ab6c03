import { asObject } from './reply'
import { readCount, valueOf, type Count, type ReportedUsage } from './reported-usage'

/**
 * Judges a `usage` object of an OpenAI-compatible upstream. Null when it says nothing at all (absent, null, `{}`).
 * Cached and cache-write tokens are parts of the prompt: details larger than their total make the whole object
 * implausible, since a price would be computed from them. Reasoning larger than the completion (some vendors count it
 * apart) only loses the detail.
 */
export function readOpenAiUsage(raw: unknown): ReportedUsage | null {
  const usage = asObject(raw)
  if (!usage) return raw === undefined || raw === null ? null : implausible(raw)
  const prompt = readCount(usage.prompt_tokens)
  const completion = readCount(usage.completion_tokens)
  const total = readCount(usage.total_tokens)
  if (prompt.kind === 'absent' && completion.kind === 'absent' && total.kind === 'absent') return null
  const promptDetails = asObject(usage.prompt_tokens_details)
  const cached = readCount(promptDetails?.cached_tokens ?? usage.prompt_cache_hit_tokens)
  const cacheWrite = readCount(promptDetails?.cache_write_tokens)
  const reasoning = readCount(asObject(usage.completion_tokens_details)?.reasoning_tokens)
  const reported = { promptTokens: valueOf(prompt), completionTokens: valueOf(completion) }
  if ([prompt, completion, cached, cacheWrite, reasoning].some(({ kind }) => kind === 'implausible')) return { ...implausible(raw), reported }
  if (prompt.kind !== 'count' || completion.kind !== 'count') return { usage: null, reported, raw, flags: [] }
  if (amount(cached) + amount(cacheWrite) > prompt.value) return { ...implausible(raw), reported }
  const isTotalWrong = total.kind === 'implausible' || (total.kind === 'count' && total.value !== prompt.value + completion.value)
  return {
    usage: {
      promptTokens: prompt.value,
      completionTokens: completion.value,
      cachedTokens: amount(cached),
      cacheWriteTokens: amount(cacheWrite),
      reasoningTokens: Math.min(amount(reasoning), completion.value),
      source: 'provider',
    },
    reported,
    raw,
    flags: isTotalWrong ? ['usage_total_differs'] : [],
  }
}

function amount(count: Count): number {
  return valueOf(count) ?? 0
}

function implausible(raw: unknown): ReportedUsage {
  return { usage: null, reported: { promptTokens: null, completionTokens: null }, raw, flags: ['usage_implausible'] }
}
