import type { Answer } from '../answer'
import { reportedUsage } from '../catalogue/odd'
import { letters, runningId } from '../ids'
import { logprobsOf } from '../logprobs'
import type { Scene } from '../scene'
import { costOf, generationName } from './generation-name'

/** What differs between servers that speak OpenAI's chat: ids, extra members, where reasoning goes. */
export interface Flavour {
  jsonType: string
  /** Bytes after a JSON body. */
  bodyEnd: string
  chatId(scene: Scene): string
  /** Members put before `choices`, equal in every chunk. */
  extras(scene: Scene): Record<string, unknown>
  reasoningKey: 'reasoning' | 'reasoning_content'
  /** `message.refusal` and `choices[].logprobs` are always there. */
  isStrict: boolean
  /** What the first chunk's delta holds; undefined puts the role beside the first word. */
  opening: Record<string, unknown> | undefined
  /** The usage chunk comes unasked. */
  alwaysUsage: boolean
  fingerprint: string | undefined
}

/** Flavours by dialect; Ollama's is that of its /v1. */
export const FLAVOURS: Record<Scene['stage']['dialect'], Flavour> = {
  ollama: {
    jsonType: 'application/json',
    bodyEnd: '\n',
    chatId: (scene) => `chatcmpl-${scene.stage.nextId() % 999}`,
    extras: () => ({}),
    reasoningKey: 'reasoning',
    isStrict: false,
    opening: undefined,
    alwaysUsage: false,
    fingerprint: 'fp_ollama',
  },
  openai: {
    jsonType: 'application/json',
    bodyEnd: '',
    chatId: (scene) => `chatcmpl-${runningId(scene.stage.nextId(), 29)}`,
    extras: () => ({ service_tier: 'default' }),
    reasoningKey: 'reasoning_content',
    isStrict: true,
    opening: { role: 'assistant', content: '', refusal: null },
    alwaysUsage: false,
    fingerprint: 'fp_sandbox',
  },
  openrouter: {
    jsonType: 'application/json',
    bodyEnd: '',
    chatId: generationName,
    extras: () => ({ provider: 'Sandbox' }),
    reasoningKey: 'reasoning',
    isStrict: true,
    opening: { role: 'assistant', content: '' },
    alwaysUsage: true,
    fingerprint: undefined,
  },
  vllm: {
    jsonType: 'application/json',
    bodyEnd: '',
    chatId: (scene) => `chatcmpl-${runningId(scene.stage.nextId(), 32)}`,
    extras: () => ({}),
    reasoningKey: 'reasoning_content',
    isStrict: true,
    opening: { role: 'assistant', content: '' },
    alwaysUsage: false,
    fingerprint: undefined,
  },
  llamacpp: {
    jsonType: 'application/json; charset=utf-8',
    bodyEnd: '',
    chatId: (scene) => `chatcmpl-${letters(`chat-${scene.stage.nextId()}`, 32)}`,
    extras: () => ({}),
    reasoningKey: 'reasoning_content',
    isStrict: false,
    opening: { role: 'assistant', content: null },
    alwaysUsage: false,
    fingerprint: 'b11669-Debian',
  },
  // Speaks no chat completions: of these only the media type is used.
  anthropic: {
    jsonType: 'application/json',
    bodyEnd: '',
    chatId: (scene) => `msg_${runningId(scene.stage.nextId(), 24)}`,
    extras: () => ({}),
    reasoningKey: 'reasoning_content',
    isStrict: false,
    opening: undefined,
    alwaysUsage: false,
    fingerprint: undefined,
  },
}

/** The usage object of an answer: counts, and the details the server at hand adds. */
export function usageOf(scene: Scene, answer: Answer, choices: number): Record<string, unknown> {
  const { behaviour, stage } = scene
  const prompt = answer.promptTokens
  const completion = answer.tokens * choices
  const usage: Record<string, unknown> = { ...reportedUsage(behaviour, prompt, completion) }
  const cached = behaviour.name === 'ok-cached' ? Math.max(0, prompt - 1) : 0
  switch (stage.dialect) {
    case 'openai':
      usage.prompt_tokens_details = { cached_tokens: cached, audio_tokens: 0 }
      usage.completion_tokens_details = {
        reasoning_tokens: answer.thinking.length * choices,
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      }
      break
    case 'openrouter':
      usage.cost = costOf(scene)
      usage.cost_details = { upstream_inference_cost: null }
      usage.prompt_tokens_details = { cached_tokens: cached }
      usage.completion_tokens_details = { reasoning_tokens: answer.thinking.length * choices }
      break
    case 'vllm':
      usage.prompt_tokens_details = cached > 0 ? { cached_tokens: cached } : null
      break
    case 'llamacpp':
      // With n = 2 the server counts one completion only.
      if (behaviour.name !== 'usage-wrong') {
        usage.completion_tokens = answer.tokens
        usage.total_tokens = prompt + answer.tokens
      }
      usage.prompt_tokens_details = { cached_tokens: cached }
      break
    default:
      if (cached > 0) usage.prompt_tokens_details = { cached_tokens: cached }
  }
  return usage
}

/** llama.cpp's timings, made up from the counts so that they repeat. */
export function timingsOf(scene: Scene, answer: Answer): Record<string, number> {
  const cached = scene.behaviour.name === 'ok-cached' ? Math.max(0, answer.promptTokens - 1) : 0
  const read = Math.max(1, answer.promptTokens - cached)
  const made = Math.max(1, answer.tokens)
  return {
    cache_n: cached,
    prompt_n: read,
    prompt_ms: read * 0.076,
    prompt_per_token_ms: 0.076,
    prompt_per_second: 13157.89,
    predicted_n: answer.tokens,
    predicted_ms: made * 0.21,
    predicted_per_token_ms: 0.21,
    predicted_per_second: 4761.9,
  }
}

/** The `logprobs` member of a choice: null unless asked for. */
export function choiceLogprobs(pieces: string[], top: number | undefined): unknown {
  return top === undefined ? null : { content: logprobsOf(pieces, top, 'list'), refusal: null }
}
