/** One part of a message's content, in OpenAI's shape: the house's canonical form (providers translate from it). */
export type ContentPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image_url'; readonly image_url: { readonly url: string; readonly detail?: string } }
  | { readonly type: string; readonly [field: string]: unknown }

/** A tool call of the assistant; `arguments` is JSON text, as OpenAI writes it. */
export interface ToolCall {
  readonly id: string
  readonly type: 'function'
  readonly function: { readonly name: string; readonly arguments: string }
}

/** A block of thought as its provider sealed it, in Anthropic's shape. Only that provider can read or check the seal. */
export type SealedThought = { readonly type: 'thinking'; readonly thinking: string; readonly signature: string } | { readonly type: 'redacted_thinking'; readonly data: string }

/** One turn of a chat, in OpenAI's shape. */
export interface ChatMessage {
  readonly role: 'system' | 'developer' | 'user' | 'assistant' | 'tool'
  readonly content: string | readonly ContentPart[] | null
  readonly name?: string
  /** What the assistant thought before it answered. Only providers that know the field get it. */
  readonly reasoning_content?: string
  /** The same with seals, for the provider that gave them: it wants its thoughts back when a tool has answered. */
  readonly sealed_thoughts?: readonly SealedThought[]
  readonly tool_calls?: readonly ToolCall[]
  readonly tool_call_id?: string
}

/** A caller's wish, free of its surface: what the corridor serves. Token figures are counts, not estimates. */
export interface ChatRequest {
  /** As the caller wrote it; null = let the defaults choose. */
  readonly model: string | null
  readonly messages: readonly ChatMessage[]
  readonly stream: boolean
  /** Answers wanted (OpenAI's `n`); absent = one. Each may have `maxTokens`. */
  readonly choices?: number
  /** Null = the tier's default. */
  readonly maxTokens: number | null
  /** Slug of a project of the tenant; null = the key's own. */
  readonly project: string | null
  /** Regions this call must stay in; narrows what the caller may use and never widens it. Absent = no wish. */
  readonly allowedRegions?: readonly string[]
  /** Language of the prompt as the caller names it; read by the rules of smart selection only. */
  readonly language?: string
  /** Fields passed to the provider by name (OpenAI's spelling): temperature, top_p, stop, tools, response_format … */
  readonly parameters: Readonly<Record<string, unknown>>
  /** Bytes of the request body: the basis of the upper-bound estimate, since a token is at least one byte. */
  readonly bodyBytes: number
  /** Set for embeddings: each message is one input, nothing is generated, the vectors come with the outcome. */
  readonly embedding?: { readonly dimensions: number | null }
}

/** A token with its log probability, in OpenAI's shape; `bytes` is null where the provider does not tell them. */
export interface TokenLogprob {
  readonly token: string
  readonly logprob: number
  readonly bytes: readonly number[] | null
  readonly top_logprobs: readonly Omit<TokenLogprob, 'top_logprobs'>[]
}

/** What a caller is told while a call is served. Tool calls arrive as OpenAI's deltas. */
export type ChatEvent =
  | {
      readonly kind: 'text'
      /** Never empty, but where log probabilities of a token without text of its own come alone. */
      readonly text: string
      readonly choice: number
      /** The model says that it will not answer: OpenAI's clients read this apart from the content. */
      readonly isRefusal?: true
      readonly logprobs?: readonly TokenLogprob[]
    }
  | {
      readonly kind: 'reasoning'
      readonly text: string
      readonly choice: number
      /** Ends a block of thought (`signature`) or is one that cannot be read (`redacted`); then `text` is empty. */
      readonly seal?: { readonly kind: 'signature' | 'redacted'; readonly data: string }
    }
  | {
      readonly kind: 'tool_call'
      readonly choice: number
      readonly index: number
      readonly id?: string
      readonly name?: string
      readonly arguments?: string
    }

/** Why a completed answer ended, in OpenAI's words. */
export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter'

/**
 * Where events of a call go. `push` answers false when the reader is slow: the producer must stop reading its upstream
 * until `onDrain` calls back (bounded memory, performance.md).
 */
export interface ReplySink {
  push(event: ChatEvent): boolean
  onDrain(resume: () => void): void
}
