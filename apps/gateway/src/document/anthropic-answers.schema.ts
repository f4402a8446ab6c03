import { moneyReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import { usageSource, warnings } from './fields.schema'

const block = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('text'), text: z.string(), citations: z.null() }),
    z.strictObject({ type: z.literal('thinking'), thinking: z.string(), signature: z.string().meta({ description: 'Empty where the provider gives none' }) }),
    z.strictObject({ type: z.literal('redacted_thinking'), data: z.string() }),
    z.strictObject({ type: z.literal('tool_use'), id: z.string(), name: z.string(), input: z.record(z.string(), z.unknown()) }),
  ])
  .meta({ id: 'MessageBlock' })

/** Anthropic's message; `cost`, `currency`, `source` and `warnings` are additions. */
export const message = z
  .strictObject({
    id: z.string(),
    type: z.literal('message'),
    role: z.literal('assistant'),
    model: z.string(),
    content: z.array(block),
    stop_reason: z.enum(['end_turn', 'max_tokens', 'tool_use', 'refusal', 'stop_sequence']),
    stop_sequence: z.string().nullable(),
    usage: z.strictObject({ input_tokens: z.int().meta({ description: 'Without what a cache held or took' }), cache_creation_input_tokens: z.int(), cache_read_input_tokens: z.int(), output_tokens: z.int(), cost: moneyReply, currency: z.string(), source: usageSource }),
    warnings: warnings.optional(),
  })
  .meta({ id: 'MessageAnswer' })

/** `POST /v1/messages/count_tokens`. */
export const tokenCount = z.strictObject({ input_tokens: z.int() }).meta({ id: 'TokenCount' })
