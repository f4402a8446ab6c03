/** Where one OpenAI-compatible upstream differs from the others, as data. */
export interface Quirks {
  /** Field that bounds the output; OpenAI's reasoning models refuse the older name, most others ignore the newer. */
  readonly maxTokensField: 'max_tokens' | 'max_completion_tokens'
  /** Request fields a tenant may send beyond `COMMON_FIELDS`. */
  readonly extraFields: readonly string[]
  /** Fields of `COMMON_FIELDS` this upstream mishandles. */
  readonly droppedFields: readonly string[]
  /** False: the role `developer` is sent as `system`. */
  readonly knowsDeveloperRole: boolean
  /** The upstream serves whatever it has loaded, so the model it names says nothing. */
  readonly ignoresModel: boolean
  /** Understands `cache_salt`, which keeps tenants' prefix caches apart. */
  readonly takesCacheSalt: boolean
}

/**
 * Fields of OpenAI's chat request that tenants may set. Anything else is dropped: unknown fields may cost money
 * (`service_tier`, `web_search_options`), leave the tier (`models`, `provider`), keep data (`store`) or name a person
 * (`user`).
 */
export const COMMON_FIELDS: readonly string[] = [
  'temperature', 'top_p', 'n', 'stop', 'seed', 'presence_penalty', 'frequency_penalty', 'logit_bias', 'response_format',
  'tools', 'tool_choice', 'parallel_tool_calls', 'reasoning_effort', 'verbosity', 'prediction', 'modalities', 'audio',
]

const DEFAULT: Quirks = {
  maxTokensField: 'max_tokens',
  extraFields: [],
  droppedFields: ['verbosity', 'prediction', 'modalities', 'audio'],
  knowsDeveloperRole: false,
  ignoresModel: false,
  takesCacheSalt: false,
}

const UNIVERSAL: Quirks = { ...DEFAULT, extraFields: ['think', 'top_k'], droppedFields: [...DEFAULT.droppedFields, 'n'] }

const QUIRKS: Readonly<Record<string, Quirks>> = {
  openai: { ...DEFAULT, maxTokensField: 'max_completion_tokens', droppedFields: [], knowsDeveloperRole: true },
  openrouter: { ...DEFAULT, extraFields: ['top_k', 'top_a', 'min_p', 'repetition_penalty', 'reasoning'], knowsDeveloperRole: true },
  vllm: { ...DEFAULT, extraFields: ['top_k', 'min_p', 'repetition_penalty', 'structured_outputs'], takesCacheSalt: true },
  together: { ...DEFAULT, extraFields: ['top_k', 'min_p', 'repetition_penalty'] },
  // `thinking_budget` is added on top of max_tokens, and its loading options cost memory: neither is passed on.
  universal: UNIVERSAL,
  llamafarm: UNIVERSAL,
  // With n=2 its usage counts one completion only.
  llamacpp: { ...DEFAULT, extraFields: ['top_k', 'min_p', 'repeat_penalty'], droppedFields: [...DEFAULT.droppedFields, 'n'], ignoresModel: true },
  mistral: { ...DEFAULT, droppedFields: [...DEFAULT.droppedFields, 'n', 'logit_bias', 'seed'] },
  deepseek: DEFAULT,
  groq: DEFAULT,
  lmstudio: { ...DEFAULT, extraFields: ['top_k'] },
  'openai-compatible': DEFAULT,
}

/** Providers the OpenAI-compatible adapter serves. */
export const COMPATIBLE_PROVIDERS: readonly string[] = Object.keys(QUIRKS)

/** The quirks of a provider; those of a plain OpenAI-compatible server when it is not listed. */
export function quirksOf(provider: string): Quirks {
  return Object.hasOwn(QUIRKS, provider) ? QUIRKS[provider]! : DEFAULT
}
