import { instantTextReply, moneyReply } from '@tollgate/platform/json-schema'
import { ownRequestReply } from '@tollgate/proof/record'
import { z } from 'zod'
import { selectionNote, warnings } from './fields.schema'

const candidate = z.strictObject({
  model: z.string(),
  host: z.string(),
  provider: z.string(),
  region: z.string(),
  healthy: z.boolean(),
  circuit_open: z.boolean(),
  order: z.int().nullable().meta({ description: 'Its turn, from 1; null = dropped' }),
  price_id: z.string().nullable(),
  dropped: z.string().nullable().meta({ description: 'Why; null = not dropped' }),
})

const window = z.strictObject({ limit: z.int(), before: z.int(), after: z.int() }).nullable().meta({ description: 'null = no such limit' })

const budget = z.strictObject({
  budget: z.string(),
  rule: z.string(),
  limit: moneyReply.nullable(),
  used: moneyReply.nullable(),
  reserved: moneyReply.nullable(),
  resets_at: instantTextReply.nullable().meta({ description: 'null: prepaid credit does not begin anew' }),
})

const limits = z.strictObject({
  max_tokens: z.int(),
  prompt_tokens_at_most: z.int(),
  reserved: z.strictObject({ cost: moneyReply, currency: z.string(), tokens: z.int() }),
  requests: window,
  tokens: window,
  budgets: z.array(budget),
})

const requestId = z.uuid()

const toolRound = z.union([
  z.strictObject({ round: z.int(), request_id: requestId, model: z.string(), host: z.string(), finish_reason: z.string(), prompt_tokens: z.int(), completion_tokens: z.int(), cost: moneyReply, duration_ms: z.int() }),
  z.strictObject({ round: z.int(), request_id: requestId, code: z.string() }),
])

/** A later call of the same request tells only whose it is. */
const partOf = { of: requestId.nullable() }

const tools = z.union([
  z.strictObject({
    offered: z.array(z.strictObject({ server: z.string(), tool: z.string(), name: z.string() })),
    most_rounds: z.int(),
    warnings,
    rounds: z.array(toolRound),
    calls: z.array(z.strictObject({ round: z.int(), server: z.string(), tool: z.string(), outcome: z.string(), duration_ms: z.number(), result_bytes: z.int(), cut: z.boolean() })),
    more_calls: z.int(),
  }),
  z.strictObject({ round: z.int(), ...partOf }),
])

const child = { request_id: requestId, model: z.string(), cost: moneyReply.optional(), code: z.string().optional().meta({ description: 'Why it failed' }) }

const consensus = z.union([
  z.strictObject({ role: z.literal('answer'), method: z.enum(['vote', 'judge']), answers: z.array(z.strictObject({ ...child, chosen: z.boolean() })), judge: z.strictObject(child).nullable() }),
  z.strictObject({ role: z.enum(['answer', 'judge']), ...partOf }),
  z.strictObject({}),
])

const decision = z
  .strictObject({
    requested_model: z.string().nullable(),
    model: z.string().nullable(),
    tier: z.string(),
    project: z.string().nullable(),
    resolution: z.array(z.string()).meta({ description: 'How the name became a model, step by step' }),
    selection: selectionNote.nullable(),
    temperature_preset: z.number().nullable(),
    allowed_regions: z.array(z.string()),
    candidates: z.array(candidate),
    more_candidates: z.int(),
    limits: limits.nullable(),
    warnings,
    tools: tools.optional().meta({ description: 'Of a call with tools of the operator' }),
    consensus: consensus.optional().meta({ description: 'Of a call of a consensus' }),
    refusal: z
      .strictObject({ code: z.string(), status: z.int(), error: z.string(), details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])) })
      .nullable(),
  })
  .meta({ id: 'RequestDecision' })

/** `GET /v1/requests/{id}/explain`. */
export const requestExplained = z
  .strictObject({
    id: z.uuid(),
    decision: decision.nullable().meta({ description: 'null: its gateway died within a second of it, or it is older than 30 days' }),
    attempts: ownRequestReply.shape.attempts,
    record: ownRequestReply.nullable().meta({ description: 'null: it was refused' }),
  })
  .meta({ id: 'RequestExplained' })

/** `POST /v1/explain`. */
export const requestForeseen = z
  .strictObject({
    would: z.enum(['be_served', 'be_refused']),
    status: z.int(),
    error: z.string().nullable(),
    code: z.string().nullable(),
    target: z.strictObject({ host: z.string(), provider: z.string(), region: z.string(), model: z.string() }).nullable(),
    decision,
  })
  .meta({ id: 'RequestForeseen' })
