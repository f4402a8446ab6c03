import type { ChatMessage, ChatRequest } from '@tollgate/kernel'
import { COMMON_FIELDS, type Quirks } from './quirks'

/** What a request to an OpenAI-compatible upstream needs beyond the caller's wish. */
export interface CompatibleTarget {
  readonly model: string
  readonly maxTokens: number
  readonly quirks: Quirks
  readonly cacheSalt?: string
}

/** The canonical request (OpenAI's shape) as one upstream wants it. Usage is always asked for: metering needs it. */
export function toCompatibleBody(request: ChatRequest, { model, maxTokens, quirks, cacheSalt }: CompatibleTarget): Record<string, unknown> {
  const body: Record<string, unknown> = { model, messages: messagesFor(request, quirks), stream: request.stream, ...quirks.fixedFields }
  for (const field of COMMON_FIELDS) {
    if (request.parameters[field] !== undefined && !quirks.droppedFields.includes(field)) body[field] = request.parameters[field]
  }
  for (const field of quirks.extraFields) {
    if (request.parameters[field] !== undefined) body[field] = request.parameters[field]
  }
  if (quirks.takesRouting && request.parameters.provider !== undefined) body.provider = request.parameters.provider
  body[quirks.maxTokensField] = maxTokens
  const choices = choicesOf(request, quirks)
  if (choices > 1) body.n = choices
  if (quirks.givesLogprobs && request.parameters.logprobs === true) Object.assign(body, logprobsOf(request))
  if (request.stream) body.stream_options = { include_usage: true }
  if (quirks.takesCacheSalt && cacheSalt !== undefined) body.cache_salt = cacheSalt
  return body
}

/** Path of the chat endpoint under a base URL's own path, which may or may not name the API version already. */
export function compatibleChatPath(basePath: string): string {
  return `${compatibleRoot(basePath)}/chat/completions`
}

/** A base URL's own path with the API version, which it may name already. */
export function compatibleRoot(basePath: string): string {
  return /\/v\d+(\/|$)/.test(basePath) ? basePath : `${basePath}/v1`
}

/** Answers to expect of one call: `n` as it is sent, or 1. The token limit holds for each. */
export function choicesOf({ choices = 1 }: ChatRequest, { answersSeveral }: Quirks): number {
  return answersSeveral ? choices : 1
}

function logprobsOf({ parameters }: ChatRequest): Record<string, unknown> {
  return { logprobs: true, ...(typeof parameters.top_logprobs === 'number' ? { top_logprobs: parameters.top_logprobs } : {}) }
}

function messagesFor(request: ChatRequest, { knowsDeveloperRole, takesReasoning }: Quirks): ChatRequest['messages'] {
  const isFit = ({ role, reasoning_content: reasoning, sealed_thoughts: sealed }: ChatMessage) => (knowsDeveloperRole || role !== 'developer') && (takesReasoning || reasoning === undefined) && sealed === undefined
  if (request.messages.every(isFit)) return request.messages
  return request.messages.map((message) => {
    if (isFit(message)) return message
    const { reasoning_content: reasoning, sealed_thoughts: _sealed, ...rest } = message
    return { ...rest, ...(takesReasoning && reasoning !== undefined ? { reasoning_content: reasoning } : {}), role: rest.role === 'developer' && !knowsDeveloperRole ? ('system' as const) : rest.role }
  })
}
