import { readCount, valueOf, type ReportedUsage } from './reported-usage'

/**
 * Judges the counts of Ollama's final line. Absent counts are normal: older servers leave out the prompt's on a cache
 * hit, and JSON omits zeros; absent means not known here, never zero. Durations are kept as proof only.
 */
export function readOllamaUsage(line: Readonly<Record<string, unknown>>): ReportedUsage | null {
  const prompt = readCount(line.prompt_eval_count)
  const completion = readCount(line.eval_count)
  if (prompt.kind === 'absent' && completion.kind === 'absent') return null
  const raw: Record<string, unknown> = {}
  for (const field of ['prompt_eval_count', 'eval_count', 'total_duration', 'load_duration', 'prompt_eval_duration', 'eval_duration']) {
    if (line[field] !== undefined) raw[field] = line[field]
  }
  const reported = { promptTokens: valueOf(prompt), completionTokens: valueOf(completion) }
  if (prompt.kind === 'implausible' || completion.kind === 'implausible') return { usage: null, reported, raw, flags: ['usage_implausible'] }
  if (prompt.kind === 'absent' || completion.kind === 'absent') return { usage: null, reported, raw, flags: [] }
  const usage = {
    promptTokens: prompt.value,
    completionTokens: completion.value,
    cachedTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
    source: 'provider' as const,
  }
  return { usage, reported, raw, flags: [] }
}
