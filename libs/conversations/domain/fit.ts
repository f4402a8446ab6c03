import type { ChatMessage } from '@tollgate/kernel'

interface Texts {
  readonly messages: readonly ChatMessage[]
  readonly answer: string
}

/** Bytes of text a token stands for, on the low side: English is near 4, code and most other languages below. */
const BYTES_PER_TOKEN = 3
/** What a chat template adds to a message. */
const TOKENS_PER_MESSAGE = 8
/** A picture of usual size; its bytes say nothing of its tokens. */
const TOKENS_PER_IMAGE = 1_600

/** A model whose context nobody tells is taken to hold this many tokens. */
export const ASSUMED_CONTEXT_TOKENS = 32_768
/** The part of a context that is kept for the answer where the caller names no limit. */
const ANSWER_SHARE = 0.25

/** A likely number of tokens, rather too high than too low: the gateway has no tokenizer of every model. */
export function likelyTokens(messages: readonly ChatMessage[]): number {
  return messages.reduce((sum, message) => sum + TOKENS_PER_MESSAGE + contentTokens(message), 0)
}

/** Tokens of a model's context that remain for a prompt. @param maxTokens what the caller asked for; null = no limit */
export function promptRoom(contextLength: number | null, maxTokens: number | null): number {
  const context = contextLength ?? ASSUMED_CONTEXT_TOKENS
  const share = Math.floor(context * ANSWER_SHARE)
  return context - (maxTokens === null ? share : Math.min(maxTokens, Math.floor(context / 2)))
}

/**
 * The newest turns that fit, in order, and how many older ones do not. A turn goes whole: half a question or an answer
 * without its question would be another conversation.
 */
export function fitTurns<T extends Texts>(turns: readonly T[], roomTokens: number): { kept: readonly T[]; leftOut: number } {
  let room = roomTokens
  let from = turns.length
  while (from > 0) {
    room -= likelyTokens(messagesOf(turns[from - 1]!))
    if (room < 0) break
    from--
  }
  return { kept: turns.slice(from), leftOut: from }
}

/**
 * A whole prompt: system texts (the call's own, else the conversation's), the newest turns that the context holds, the
 * question. @param messages what the caller sent @param maxTokens what it allows for the answer; null = no limit
 */
export function promptOf(system: string | null, history: readonly Texts[], messages: readonly ChatMessage[], context: { contextLength: number | null; maxTokens: number | null }): { messages: ChatMessage[]; asked: ChatMessage[]; kept: number } {
  const asked = messages.filter(({ role }) => role !== 'system' && role !== 'developer')
  const own = messages.filter((message) => !asked.includes(message))
  const head: readonly ChatMessage[] = own.length > 0 || system === null ? own : [{ role: 'system', content: system }]
  const { kept } = fitTurns(history, promptRoom(context.contextLength, context.maxTokens) - likelyTokens([...head, ...asked]))
  return { messages: [...head, ...kept.flatMap(messagesOf), ...asked], asked, kept: kept.length }
}

/** How many of the oldest turns a model with this context would not be shown. */
export function turnsLeftOut(history: readonly Texts[], contextLength: number | null): number {
  return fitTurns(history, promptRoom(contextLength, null)).leftOut
}

/** A turn as a chat has it. */
export function messagesOf(turn: Texts): ChatMessage[] {
  return [...turn.messages, { role: 'assistant', content: turn.answer }]
}

function contentTokens({ content, tool_calls: calls }: ChatMessage): number {
  const called = calls ? bytesTokens(JSON.stringify(calls)) : 0
  if (typeof content === 'string') return called + bytesTokens(content)
  return (content ?? []).reduce((sum, part) => sum + (part.type === 'image_url' ? TOKENS_PER_IMAGE : bytesTokens(typeof (part as { text?: unknown }).text === 'string' ? (part as { text: string }).text : JSON.stringify(part))), called)
}

function bytesTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN)
}
