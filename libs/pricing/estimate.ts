import type { ChatMessage, Pico } from '@tollgate/kernel'
import { gpuCost, type Price } from './price'

/** Tokens a chat template may add per message beyond its text: role markers and separators. */
const TOKENS_PER_MESSAGE = 16
/** Tokens a template may add once: system preamble, tool instructions. */
const TEMPLATE_TOKENS = 64
/** The most tokens a provider counts for one image: OpenAI's small models, 2 833 and 5 667 for each of at most 8 tiles. */
const TOKENS_PER_IMAGE = 50_000
/** Characters of Chinese, Japanese or Korean that a token may stand for, on the high side. */
const CJK_PER_TOKEN = 3

/**
 * A true upper bound of prompt tokens: every token of a byte-level vocabulary is at least one byte long
 * (metering.md, reserve). The body also holds tools and schemas, which are rendered into the prompt. An image's tokens
 * follow from its pixels, not from its bytes.
 */
export function upperBoundPromptTokens(bodyBytes: number, messages: number, images: { readonly count: number; readonly bytes: number } = { count: 0, bytes: 0 }): number {
  return bodyBytes - images.bytes + messages * TOKENS_PER_MESSAGE + images.count * TOKENS_PER_IMAGE + TEMPLATE_TOKENS
}

/**
 * The most a call can cost in pico: every prompt token at the dearest input class, every output token at the dearest
 * output class, and `maxGpuMs` on the GPU, which is the longest an attempt may take.
 */
export function upperBoundCost(promptTokens: number, maxOutputTokens: number, price: Price, maxGpuMs: number): Pico {
  if (price.isFree) return 0n
  const input = most(price.inputPico, price.cachedInputPico, price.cacheWritePico)
  const output = most(price.outputPico, price.reasoningPico)
  return BigInt(promptTokens) * input + BigInt(maxOutputTokens) * output + price.perRequestPico + gpuCost(maxGpuMs, price)
}

/**
 * Tokens that a prompt has at least, whatever the tokenizer: a word is one or more, and of scripts without spaces a few
 * characters are. What is over a model's context by this count does not fit it by any. It is also what is billed of a
 * call whose provider gave no count: it errs in the tenant's favour on purpose, so that what is billed without proof
 * stays below what really happened (metering.md, I3).
 */
export function lowEstimatePromptTokens(messages: readonly ChatMessage[]): number {
  let tokens = 0
  for (const text of textsOf(messages)) tokens += Math.max(countWords(text), Math.floor(countUnspaced(text) / CJK_PER_TOKEN))
  return tokens
}

const UNSPACED = /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/

/** Characters of Han, Kana and Hangul. Most texts have none, which V8 knows of a Latin one without reading it. */
function countUnspaced(text: string): number {
  if (!UNSPACED.test(text)) return 0
  let count = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if ((code >= 0x3040 && code <= 0x30ff) || (code >= 0x3400 && code <= 0x9fff) || (code >= 0xac00 && code <= 0xd7af)) count++
  }
  return count
}

function* textsOf(messages: readonly ChatMessage[]): Generator<string> {
  for (const { content } of messages) {
    if (typeof content === 'string') yield content
    else for (const part of content ?? []) if (part.type === 'text' && typeof part.text === 'string') yield part.text
  }
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
