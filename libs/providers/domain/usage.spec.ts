import { readOllamaUsage } from './ollama-usage'
import { readOpenAiUsage } from './openai-usage'
import { rawUsageText } from './reported-usage'

const counts = (prompt: number, completion: number, over: object = {}) => ({
  promptTokens: prompt, completionTokens: completion, cachedTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0, source: 'provider', ...over,
})
const of = (prompt_tokens: unknown, completion_tokens: unknown, over: object = {}) => ({ prompt_tokens, completion_tokens, ...over })

describe('usage of an OpenAI-compatible upstream', () => {
  it.each([
    ['plain', of(21, 11, { total_tokens: 32 }), counts(21, 11), []],
    ['zero is a count', of(0, 0, { total_tokens: 0 }), counts(0, 0), []],
    ['cached is part of the prompt', of(21, 1, { prompt_tokens_details: { cached_tokens: 20, cache_write_tokens: 1 } }), counts(21, 1, { cachedTokens: 20, cacheWriteTokens: 1 }), []],
    ['details may be null', of(21, 1, { prompt_tokens_details: null, completion_tokens_details: { reasoning_tokens: null } }), counts(21, 1), []],
    ['reasoning is part of the completion', of(1, 9, { completion_tokens_details: { reasoning_tokens: 8 } }), counts(1, 9, { reasoningTokens: 8 }), []],
    ['reasoning counted apart', of(1, 9, { completion_tokens_details: { reasoning_tokens: 80 } }), counts(1, 9, { reasoningTokens: 9 }), []],
    ['total differs', of(1, 9, { total_tokens: 99 }), counts(1, 9), ['usage_total_differs']],
    ['cached by DeepSeek', of(10, 1, { prompt_cache_hit_tokens: 4 }), counts(10, 1, { cachedTokens: 4 }), []],
    ['negative', of(-1, 9), null, ['usage_implausible']],
    ['negative zero is zero', of(-0, 9), counts(-0, 9), []],
    ['fraction', of(1.5, 9), null, ['usage_implausible']],
    ['text', of('1', 9), null, ['usage_implausible']],
    ['huge', of(1e12, 9), null, ['usage_implausible']],
    ['infinite', of(Infinity, 9), null, ['usage_implausible']],
    ['not a number', of(Number.NaN, 9), null, ['usage_implausible']],
    ['wrapped at 32 bits', of(2 ** 32 - 5, 9), null, ['usage_implausible']],
    ['wrapped at 64 bits', of(21, 2 ** 64 - 5), null, ['usage_implausible']],
    ['cached over prompt', of(5, 9, { prompt_tokens_details: { cached_tokens: 6 } }), null, ['usage_implausible']],
    ['negative detail', of(5, 9, { prompt_tokens_details: { cached_tokens: -6 } }), null, ['usage_implausible']],
    ['only a total', { total_tokens: 9 }, null, []],
    ['half', of(5, null), null, []],
    ['a list', [1, 2], null, ['usage_implausible']],
    ['a word', 'many', null, ['usage_implausible']],
  ])('%s', (_name, raw, usage, flags) => {
    expect(readOpenAiUsage(raw)).toMatchObject({ usage, flags })
  })

  it.each([['missing', undefined], ['null', null], ['empty', {}], ['nulls', of(null, null)]])('%s says nothing', (_name, raw) => {
    expect(readOpenAiUsage(raw)).toBeNull()
  })

  it('keeps the half that is usable', () => {
    expect(readOpenAiUsage(of(null, 7))!.reported).toEqual({ promptTokens: null, completionTokens: 7 })
    expect(readOpenAiUsage(of(-3, 7))!.reported).toEqual({ promptTokens: null, completionTokens: 7 })
  })
})

describe('usage of Ollama', () => {
  it.each([
    ['plain', { prompt_eval_count: 21, eval_count: 11 }, counts(21, 11), []],
    ['zero', { prompt_eval_count: 0, eval_count: 0 }, counts(0, 0), []],
    ['negative', { prompt_eval_count: -1, eval_count: 11 }, null, ['usage_implausible']],
    ['text', { prompt_eval_count: 1, eval_count: '11' }, null, ['usage_implausible']],
    ['huge', { prompt_eval_count: 1, eval_count: 2 ** 60 }, null, ['usage_implausible']],
    ['wrapped', { prompt_eval_count: 1, eval_count: 2 ** 32 - 5 }, null, ['usage_implausible']],
    ['not a number', { prompt_eval_count: Number.NaN, eval_count: 11 }, null, ['usage_implausible']],
    ['no prompt count (cache hit of an older server)', { eval_count: 11 }, null, []],
  ])('%s', (_name, line, usage, flags) => {
    expect(readOllamaUsage(line)).toMatchObject({ usage, flags })
  })

  it('says nothing without counts', () => expect(readOllamaUsage({ total_duration: 5 })).toBeNull())
  it('keeps what is known', () => expect(readOllamaUsage({ eval_count: 11 })!.reported).toEqual({ promptTokens: null, completionTokens: 11 }))
})

describe('the proof of a usage', () => {
  it('is the JSON as received', () => expect(rawUsageText({ cost: 0.000423 })).toBe('{"cost":0.000423}'))
  it('stays under 2 KiB', () => expect(rawUsageText({ prompt_tokens: 3, note: 'x'.repeat(5_000) })).toBe('{"prompt_tokens":3}'))
  it('is null without one', () => expect(rawUsageText(null)).toBeNull())
})
