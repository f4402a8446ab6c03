import type { ChatMessage, Pico } from '@tollgate/kernel'
import type { Price } from './price'

/** Tokens a chat template may add per message beyond its text: role markers and separators. */
const TOKENS_PER_MESSAGE = 16
/** Tokens a template may add once: system preamble, tool instructions. */
const TEMPLATE_TOKENS = 64

/**
 * A true upper bound of prompt tokens: every token of a byte-level vocabulary is at least one byte long
 * (metering.md, reserve). The body also holds tools and schemas, which are rendered into the prompt.
 */
export function upperBoundPromptTokens(bodyBytes: number, messages: number): number {
  return bodyBytes + messages * TOKENS_PER_MESSAGE + TEMPLATE_TOKENS
}

/** The most a call can cost in pico: every prompt token at the dearest input class, every output token at the dearest output class. */
export function upperBoundCost(promptTokens: number, maxOutputTokens: number, price: Price): Pico {
  if (price.isFree) return 0n
  const input = most(price.inputPico, price.cachedInputPico, price.cacheWritePico)
  const output = most(price.outputPico, price.reasoningPico)
  return BigInt(promptTokens) * input + BigInt(maxOutputTokens) * output + price.perRequestPico
}

/**
 * A low estimate of prompt tokens for calls whose provider gave no count: one token a word. It errs in the tenant's
 * favour on purpose, so that what is billed without proof stays below what really happened (metering.md, I3).
 */
export function lowEstimatePromptTokens(messages: readonly ChatMessage[]): number {
  let words = 0
  for (const message of messages) {
    if (typeof message.content === 'string') words += countWords(message.content)
    else for (const part of message.content ?? []) if (part.type === 'text' && typeof part.text === 'string') words += countWords(part.text)
  }
  return words
}

/** Words separated by white space; linear in the length. */
export function countWords(text: string): number {
  let words = 0
  let isInside = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    const isSpace = code === 32 || (code >= 9 && code <= 13) || code === 160
    if (!isSpace && !isInside) words++
    isInside = !isSpace
  }
  return words
}

function most(first: Pico, ...others: (Pico | null)[]): Pico {
  return others.reduce<Pico>((high, value) => (value !== null && value > high ? value : high), first)
}
