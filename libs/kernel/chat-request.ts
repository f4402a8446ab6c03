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

/** One turn of a chat, in OpenAI's shape. */
export interface ChatMessage {
  readonly role: 'system' | 'developer' | 'user' | 'assistant' | 'tool'
  readonly content: string | readonly ContentPart[] | null
  readonly name?: string
  readonly tool_calls?: readonly ToolCall[]
  readonly tool_call_id?: string
}

/** A caller's wish, free of its surface: what the corridor serves. Token figures are counts, not estimates. */
export interface ChatRequest {
  /** As the caller wrote it; null = let the defaults choose. */
  readonly model: string | null
  readonly messages: readonly ChatMessage[]
  readonly stream: boolean
  /** Null = the tier's default. */
  readonly maxTokens: number | null
  /** Slug of a project of the tenant; null = the key's own. */
  readonly project: string | null
  /** Fields passed to the provider by name (OpenAI's spelling): temperature, top_p, stop, tools, response_format … */
  readonly parameters: Readonly<Record<string, unknown>>
  /** Bytes of the request body: the basis of the upper-bound estimate, since a token is at least one byte. */
  readonly bodyBytes: number
}

/** What a caller is told while a call is served. Text is never empty; tool calls arrive as OpenAI's deltas. */
export type ChatEvent =
  | { readonly kind: 'text'; readonly text: string; readonly choice: number }
  | { readonly kind: 'reasoning'; readonly text: string; readonly choice: number }
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
