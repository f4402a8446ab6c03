import type { CountTokensBody } from './messages.schema'

/** Bytes of text a token stands for, on the low side: English is near 4, code and most other languages below. */
const BYTES_PER_TOKEN = 3
/** What a chat template adds to a message or a tool: role marks and separators. */
const TOKENS_PER_TURN = 8
/** A picture of usual size. Its bytes say nothing of its tokens. */
const TOKENS_PER_IMAGE = 1_600

/**
 * A likely number of input tokens, rather too high than too low: the gateway has no tokenizer of every model. For a
 * client that wants to know whether its context fits; never billed. What is billed is the provider's own count.
 */
export function likelyInputTokens({ system, messages, tools }: Pick<CountTokensBody, 'system' | 'messages' | 'tools'>): number {
  const seen = { bytes: 0, images: 0 }
  count(system, seen)
  for (const { content } of messages) count(content, seen)
  for (const tool of tools ?? []) count(tool, seen)
  const turns = messages.length + (tools?.length ?? 0) + (system ? 1 : 0)
  return Math.ceil(seen.bytes / BYTES_PER_TOKEN) + turns * TOKENS_PER_TURN + seen.images * TOKENS_PER_IMAGE
}

/** Adds up texts and the names they stand under; the depth is bounded by the JSON reader. */
function count(value: unknown, seen: { bytes: number; images: number }): void {
  if (typeof value === 'string') seen.bytes += Buffer.byteLength(value)
  else if (Array.isArray(value)) for (const item of value) count(item, seen)
  else if (typeof value === 'object' && value !== null) {
    const { type } = value as { type?: unknown }
    if (type === 'image') return void seen.images++
    for (const [name, part] of Object.entries(value)) {
      if (MARKS.has(name)) continue
      seen.bytes += name === 'text' ? 0 : name.length
      count(part, seen)
    }
  } else if (typeof value === 'number' || typeof value === 'boolean') seen.bytes += 4
}

/** Fields that never reach a prompt. */
const MARKS: ReadonlySet<string> = new Set(['type', 'cache_control', 'signature', 'citations'])
