import type { Answer } from '../answer'
import { setting, type Behaviour } from '../behaviour'

/** The usage figures of an answer in OpenAI's shape. */
export interface UsageFigures {
  prompt_tokens: unknown
  completion_tokens: unknown
  total_tokens: unknown
}

const WRONG: Record<string, (prompt: number, completion: number) => UsageFigures> = {
  total: (p, c) => ({ prompt_tokens: p, completion_tokens: c, total_tokens: p + c + 7 }),
  negative: (p, c) => ({ prompt_tokens: -p, completion_tokens: -c, total_tokens: -(p + c) }),
  huge: (p) => ({ prompt_tokens: p, completion_tokens: 1e12, total_tokens: p + 1e12 }),
  tenfold: (p, c) => ({ prompt_tokens: p, completion_tokens: 10 * c, total_tokens: p + 10 * c }),
  most: (p) => ({ prompt_tokens: p, completion_tokens: 1e9, total_tokens: p + 1e9 }),
  text: (p, c) => ({ prompt_tokens: String(p), completion_tokens: String(c), total_tokens: String(p + c) }),
  null: () => ({ prompt_tokens: null, completion_tokens: null, total_tokens: null }),
  fraction: (p, c) => ({ prompt_tokens: p + 0.5, completion_tokens: c + 0.25, total_tokens: p + c + 0.75 }),
}

/** The usage as reported: the truth, or by `usage-wrong@kind=total|negative|huge|tenfold|most|text|null|fraction` something else. */
export function reportedUsage(behaviour: Behaviour, prompt: number, completion: number): UsageFigures {
  if (behaviour.name === 'usage-wrong') {
    const lie = WRONG[behaviour.params.kind ?? 'total'] ?? WRONG.total
    if (lie) return lie(prompt, completion)
  }
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion }
}

/** Ollama's two counts; undefined ones are left out, as `no-usage` and old servers do on a prompt-cache hit. */
export function ollamaCounts(
  behaviour: Behaviour,
  answer: Pick<Answer, 'promptTokens' | 'tokens'>,
): { prompt_eval_count: unknown; eval_count: unknown } {
  if (behaviour.name === 'no-usage') {
    const keepsCompletion = setting(behaviour, 'completion', 0) === 1
    return { prompt_eval_count: undefined, eval_count: keepsCompletion ? answer.tokens : undefined }
  }
  const usage = reportedUsage(behaviour, answer.promptTokens, answer.tokens)
  // Go omits a zero count.
  const completion = usage.completion_tokens === 0 ? undefined : usage.completion_tokens
  return { prompt_eval_count: usage.prompt_tokens, eval_count: completion }
}
