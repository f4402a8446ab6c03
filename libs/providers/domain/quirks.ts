/** Where one OpenAI-compatible upstream differs from the others, as data. */
export interface Quirks {
  /** Field that bounds the output; OpenAI's reasoning models refuse the older name, most others ignore the newer. */
  readonly maxTokensField: 'max_tokens' | 'max_completion_tokens'
  /** Request fields a tenant may send beyond `COMMON_FIELDS`. */
  readonly extraFields: readonly string[]
  /** Sent with every request, so that nothing is done to it that nobody asked for. */
  readonly fixedFields: Readonly<Record<string, unknown>>
  /** Fields of `COMMON_FIELDS` this upstream mishandles. */
  readonly droppedFields: readonly string[]
  /** Gives as many answers as `n` asks for and counts them all; the others are asked once for each. */
  readonly answersSeveral: boolean
  /** Gives log probabilities in OpenAI's shape. */
  readonly givesLogprobs: boolean
  /** Knows `response_format: json_object` beside `json_schema`. */
  readonly takesJsonObject: boolean
  /** Fetches images from links itself, outside the operator's network; the others are sent images only. */
  readonly fetchesLinks: boolean
  /** False: the role `developer` is sent as `system`. */
  readonly knowsDeveloperRole: boolean
  /** False: earlier reasoning is left out of the messages; strict servers refuse fields they do not know. */
  readonly takesReasoning: boolean
  /** The upstream serves whatever it has loaded, so the model it names says nothing. */
  readonly ignoresModel: boolean
  /** Understands OpenRouter's `provider`, the wishes about who may answer and what becomes of the data. */
  readonly takesRouting: boolean
  /** Understands `cache_salt`, which keeps tenants' prefix caches apart. */
  readonly takesCacheSalt: boolean
  /** Header with the name under which it can be asked later what an answer cost, which is the answer's id too; null where nobody can be asked. */
  readonly generationHeader: string | null
}

/**
 * Fields of OpenAI's chat request that tenants may set. Anything else is dropped: unknown fields may cost money
 * (`service_tier`, `web_search_options`), leave the tier (`models`, `provider`), keep data (`store`) or name a person
 * (`user`).
 */
export const COMMON_FIELDS: readonly string[] = [
  'temperature', 'top_p', 'stop', 'seed', 'presence_penalty', 'frequency_penalty', 'logit_bias', 'response_format',
  'tools', 'tool_choice', 'parallel_tool_calls', 'reasoning_effort', 'verbosity', 'prediction',
]

const DEFAULT: Quirks = {
  maxTokensField: 'max_tokens',
  extraFields: [],
  fixedFields: {},
  droppedFields: ['verbosity', 'prediction'],
  answersSeveral: false,
  givesLogprobs: true,
  takesJsonObject: true,
  fetchesLinks: false,
  knowsDeveloperRole: false,
  takesReasoning: false,
  ignoresModel: false,
  takesRouting: false,
  takesCacheSalt: false,
  generationHeader: null,
}

const UNIVERSAL: Quirks = { ...DEFAULT, extraFields: ['think', 'top_k'], givesLogprobs: false }

const QUIRKS: Readonly<Record<string, Quirks>> = {
  openai: { ...DEFAULT, maxTokensField: 'max_completion_tokens', droppedFields: [], answersSeveral: true, fetchesLinks: true, knowsDeveloperRole: true },
  // Whether `n` is known depends on the provider behind it. A prompt that is too long for a model of at most 8192 tokens would
  // lose its middle, and nobody would be told.
  openrouter: { ...DEFAULT, fetchesLinks: true, extraFields: ['top_k', 'top_a', 'min_p', 'repetition_penalty', 'reasoning'], fixedFields: { plugins: [{ id: 'context-compression', enabled: false }] }, knowsDeveloperRole: true, takesReasoning: true, takesRouting: true, generationHeader: 'x-generation-id' },
  vllm: { ...DEFAULT, answersSeveral: true, extraFields: ['top_k', 'min_p', 'repetition_penalty', 'structured_outputs'], takesReasoning: true, takesCacheSalt: true },
  // Its `logprobs` is a number and its answer has another shape.
  together: { ...DEFAULT, answersSeveral: true, givesLogprobs: false, fetchesLinks: true, extraFields: ['top_k', 'min_p', 'repetition_penalty'] },
  // `thinking_budget` is added on top of max_tokens, and its loading options cost memory: neither is passed on.
  universal: UNIVERSAL,
  llamafarm: UNIVERSAL,
  // With n=2 its usage counts one completion only.
  llamacpp: { ...DEFAULT, extraFields: ['top_k', 'min_p', 'repeat_penalty'], takesReasoning: true, ignoresModel: true },
  mistral: { ...DEFAULT, droppedFields: [...DEFAULT.droppedFields, 'logit_bias', 'seed'], givesLogprobs: false, fetchesLinks: true },
  deepseek: { ...DEFAULT, takesReasoning: true },
  groq: { ...DEFAULT, givesLogprobs: false, fetchesLinks: true },
  lmstudio: { ...DEFAULT, givesLogprobs: false, takesJsonObject: false, extraFields: ['top_k'] },
  'openai-compatible': DEFAULT,
}

/** Providers the OpenAI-compatible adapter serves. */
export const COMPATIBLE_PROVIDERS: readonly string[] = Object.keys(QUIRKS)

/** The quirks of a provider; those of a plain OpenAI-compatible server when it is not listed. */
export function quirksOf(provider: string): Quirks {
  return Object.hasOwn(QUIRKS, provider) ? QUIRKS[provider]! : DEFAULT
}
