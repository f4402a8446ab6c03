import type { ChatMessage } from '@tollgate/kernel'
import { lackOf } from './lacks'

const ask = (parameters: Record<string, unknown>, url?: string) => {
  const content = url === undefined ? 'Hi' : [{ type: 'image_url', image_url: { url } }]
  return { parameters, messages: [{ role: 'user', content } as ChatMessage] }
}

describe('what a provider cannot serve', () => {
  it.each([
    ['logprobs', { logprobs: true }, ['ollama', 'openai', 'vllm', 'llamacpp', 'openrouter'], ['anthropic', 'together', 'mistral', 'lmstudio', 'universal']],
    ['logit_bias', { logit_bias: { 1: 2 } }, ['openai', 'vllm', 'llamacpp'], ['ollama', 'anthropic', 'mistral']],
    ['provider', { provider: { data_collection: 'deny' } }, ['openrouter', 'ollama', 'vllm', 'llamafarm'], ['openai', 'anthropic', 'together', 'openai-compatible']],
    ['provider', { provider: { zdr: true } }, ['openrouter', 'llamacpp', 'lmstudio'], ['openai', 'groq', 'deepseek', 'mistral']],
    ['response_format', { response_format: { type: 'json_object' } }, ['openai', 'ollama', 'together'], ['anthropic', 'lmstudio']],
  ])('%s is named where it would be dropped', (parameter, parameters, serving, lacking) => {
    for (const provider of serving) expect([provider, lackOf(provider, ask(parameters))]).toEqual([provider, null])
    for (const provider of lacking) expect([provider, lackOf(provider, ask(parameters))?.parameter]).toEqual([provider, parameter])
  })

  it('links to images go to those only who fetch them from their own network', () => {
    const lacking = (url: string) => ['openai', 'anthropic', 'openrouter', 'ollama', 'vllm', 'llamacpp', 'lmstudio', 'openai-compatible'].filter((provider) => lackOf(provider, ask({}, url)))
    expect(lacking('https://example.org/a.png')).toEqual(['ollama', 'vllm', 'llamacpp', 'lmstudio', 'openai-compatible'])
    expect(lacking('data:image/png;base64,AA==')).toEqual([])
  })

  it('what asks for nothing is no lack', () => {
    expect(lackOf('anthropic', ask({ provider: { require_parameters: true }, logprobs: false, logit_bias: {}, response_format: { type: 'text' } }))).toBeNull()
  })
})
