import { instantTextReply, moneyReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'

/** What the database lets in, which reads it as text. */
export const callStatusReply: z.ZodType<string> = z.enum(['completed', 'failed', 'aborted', 'swept'])
const usageSourceReply: z.ZodType<string> = z.enum(['provider', 'estimated'])

const perMillionReply = moneyReply.nullable().meta({ description: 'Decimal string per million tokens; null: billed as its parent' })

/** The price row a request was billed by. */
const recordedPriceReply = z
  .strictObject({
    id: z.uuid(),
    book: z.string(),
    model: z.string(),
    provider: z.string().nullable(),
    region: z.string().nullable(),
    tier: z.string().nullable(),
    currency: z.string(),
    effective_at: instantTextReply,
    input_per_million: perMillionReply,
    output_per_million: perMillionReply,
    cached_input_per_million: perMillionReply,
    cache_write_per_million: perMillionReply,
    reasoning_per_million: perMillionReply,
    per_request: moneyReply,
    gpu_second: moneyReply.nullable(),
    free: z.boolean(),
    source: z.string(),
  })
  .meta({ id: 'RecordedPrice' })

/** An attempt at a host, without what it cost the operator. */
export const ownAttemptReply = z
  .strictObject({
    attempt: z.int(),
    host: z.string(),
    provider: z.string(),
    region: z.string(),
    model: z.string(),
    outcome: z.string().meta({ description: 'completed, or a class of failure and after a colon its cause' }),
    duration_ms: z.int(),
  })
  .meta({ id: 'OwnAttempt' })

const usageReply = z.strictObject({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
  cached_tokens: z.int(),
  cache_write_tokens: z.int(),
  reasoning_tokens: z.int(),
  source: usageSourceReply,
})

const childrenReply = z.strictObject({ cost: moneyReply, requests: z.array(z.strictObject({ id: z.uuid(), model: z.string(), status: callStatusReply, cost: moneyReply })) })

/** The record of a request as its tenant sees it (`tenantRecord` writes it). */
export const ownRequestReply = z
  .strictObject({
    id: z.uuid(),
    started_at: instantTextReply,
    surface: z.string(),
    requested_model: z.string(),
    model: z.string(),
    provider: z.string(),
    region: z.string(),
    host: z.string(),
    model_digest: z.string().nullable().meta({ description: 'Of the weights that answered; null where the provider tells none' }),
    allowed_regions: z.array(z.string()).readonly().nullable().meta({ description: 'Null for calls that went nowhere and those recorded before residency was' }),
    status: callStatusReply,
    finish_reason: z.string().nullable(),
    error_code: z.string().nullable(),
    stream: z.boolean(),
    usage: usageReply,
    raw_usage: z.unknown().meta({ description: "The provider's own object, as it came; null: it sent none" }),
    cost: moneyReply,
    currency: z.string().nullable(),
    price: recordedPriceReply.nullable(),
    parent_id: z.uuid().nullable().meta({ description: 'The first of the several that this one is among, which may be itself; null: it is the whole request' }),
    children: childrenReply.nullable().meta({ description: 'Of the first of several: all of them, itself included' }),
    duration_ms: z.int(),
    first_event_ms: z.int().nullable(),
    flags: z.array(z.string()).readonly(),
    ledger: z.array(z.strictObject({ rank: z.int(), delta: moneyReply, recorded_at: instantTextReply })),
    attempts: z.array(ownAttemptReply),
  })
  .meta({ id: 'OwnRequest' })
