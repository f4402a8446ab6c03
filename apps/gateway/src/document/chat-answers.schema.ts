import { moneyReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import { finishReason, selectionNote, usageSource, warnings } from './fields.schema'

const usage = z
  .strictObject({
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    total_tokens: z.int(),
    cached_tokens: z.int().optional().meta({ description: 'Part of prompt_tokens; absent = none' }),
    reasoning_tokens: z.int().optional().meta({ description: 'Part of completion_tokens; absent = none' }),
    cost: moneyReply,
    currency: z.string(),
    source: usageSource,
  })
  .meta({ id: 'ChatUsage' })

const summary = {
  model: z.string(),
  requested_model: z.string(),
  provider: z.string(),
  region: z.string(),
  host: z.string(),
  finish_reason: finishReason,
  usage,
  duration_ms: z.int(),
  attempts: z.int(),
  request_id: z.uuid(),
  selection: selectionNote.optional(),
  warnings: warnings.optional(),
}

/** `POST /chat` and `/chat/smart`; there `selection` is always told. */
export const chatAnswer = z.strictObject({ response: z.string(), ...summary, conversation_id: z.string().optional() }).meta({ id: 'ChatAnswer' })

const refused = z.strictObject({ model: z.string(), request_id: z.uuid(), error: z.string(), code: z.string() })
const answered = z.strictObject({ model: z.string(), request_id: z.uuid(), response: z.string(), provider: z.string(), region: z.string(), host: z.string(), finish_reason: finishReason, usage, duration_ms: z.int() })
const chosen = { chosen: z.boolean() }

/** `POST /chat/consensus`: usage and cost are the sums of every call it was made of. */
export const consensusAnswer = z
  .strictObject({
    response: z.string(),
    ...summary,
    consensus: z.strictObject({
      method: z.enum(['vote', 'judge']),
      agreement: z.strictObject({ votes: z.int(), answers: z.int() }),
      answers: z.array(z.union([answered.extend(chosen), refused.extend(chosen)])),
      judge: z.union([answered, refused]).optional(),
    }),
  })
  .meta({ id: 'ConsensusAnswer' })
