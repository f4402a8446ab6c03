import type { ChatRequest } from '@tollgate/kernel'
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
  const body: Record<string, unknown> = { model, messages: messagesFor(request, quirks), stream: request.stream }
  for (const field of COMMON_FIELDS) {
    if (request.parameters[field] !== undefined && !quirks.droppedFields.includes(field)) body[field] = request.parameters[field]
  }
  for (const field of quirks.extraFields) {
    if (request.parameters[field] !== undefined) body[field] = request.parameters[field]
  }
  body[quirks.maxTokensField] = maxTokens
  if (request.stream) body.stream_options = { include_usage: true }
  if (quirks.takesCacheSalt && cacheSalt !== undefined) body.cache_salt = cacheSalt
  return body
}

/** Path of the chat endpoint under a base URL's own path, which may or may not name the API version already. */
export function compatibleChatPath(basePath: string): string {
  return /\/v\d+(\/|$)/.test(basePath) ? `${basePath}/chat/completions` : `${basePath}/v1/chat/completions`
}

/** Answers a caller may get: `n` as it is sent, or 1. The token limit holds for each. */
export function choicesOf(request: ChatRequest, quirks: Quirks): number {
  const { n } = request.parameters
  const isSent = typeof n === 'number' && Number.isInteger(n) && n >= 1 && n <= 128 && !quirks.droppedFields.includes('n')
  return isSent ? n : 1
}

function messagesFor(request: ChatRequest, quirks: Quirks): ChatRequest['messages'] {
  if (quirks.knowsDeveloperRole || !request.messages.some(({ role }) => role === 'developer')) return request.messages
  return request.messages.map((message) => (message.role === 'developer' ? { ...message, role: 'system' as const } : message))
}
