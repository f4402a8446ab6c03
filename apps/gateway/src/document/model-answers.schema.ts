import { instantReply, instantTextReply, moneyReply, pageReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import type { providerEntry } from '../routes/providers/providers.wire'
import type { Fits } from './fields.schema'

const fact = z.string().nullable()

const price = z.union([
  z.strictObject({ free: z.literal(true) }),
  z.strictObject({
    currency: z.string(),
    input_per_million: moneyReply,
    output_per_million: moneyReply,
    cached_input_per_million: moneyReply.optional(),
    cache_write_per_million: moneyReply.optional(),
    reasoning_per_million: moneyReply.optional(),
    per_request: moneyReply.optional(),
  }),
])

const usableModel = z
  .strictObject({
    name: z.string(),
    size: z.int().nullable().meta({ description: 'Bytes; null for cloud models' }),
    modified_at: instantTextReply,
    details: z.strictObject({ format: fact, family: fact, parameter_size: fact, quantization_level: fact }),
    display_name: z.string(),
    description: z.string(),
    version: z.string().nullable(),
    base_model: z.string().nullable(),
    provider: z.string().meta({ description: "Of the nearest deployment in the caller's regions; empty without one" }),
    regions: z.array(z.string()),
    capabilities: z.strictObject({ context_length: z.int().nullable().meta({ description: 'Tokens; null = not known' }), vision: z.boolean(), tools: z.boolean(), embedding: z.boolean(), thinking: z.boolean() }),
    aliases: z.array(z.string()),
    price: price.nullable().meta({ description: 'null = not priced' }),
    status: z.enum(['available', 'degraded']),
    stats: z.strictObject({ requests: z.int(), success_rate: z.number().nullable().meta({ description: '0 to 1; null without requests' }), avg_latency_ms: z.int().nullable() }).meta({ description: "The tenant's own calls of the last seven days" }),
  })
  .meta({ id: 'UsableModel' })

/** `GET /models`. */
export const usableModels = z
  .strictObject({ models: z.array(usableModel), count: z.int(), default_model: z.string().nullable().meta({ description: 'What is served without naming a model; null = nothing' }), timestamp: instantTextReply })
  .meta({ id: 'UsableModels' })

const hostStatus = z.enum(['unknown', 'healthy', 'degraded', 'unhealthy'])

const providerStatus = z
  .strictObject({
    provider: z.string(),
    status: hostStatus.meta({ description: 'That of its best host' }),
    regions: z.array(z.string()),
    last_check: instantReply.nullable(),
    latency_ms: z.number().nullable().meta({ description: 'Of its fastest host; null = not measured' }),
    hosts: z.array(
      z.strictObject({
        name: z.string(),
        region: z.string(),
        status: hostStatus,
        circuit: z.enum(['closed', 'open', 'half_open', 'slow_start']),
        last_check: instantReply.nullable(),
        latency_ms: z.number().nullable(),
        recent_requests: z.int().meta({ description: 'Of the last five minutes' }),
        recent_success_rate: z.number().nullable().meta({ description: '0 to 1; null without requests' }),
        models: z.int().meta({ description: 'Models on it that this caller may use' }),
      }),
    ),
  })
  .meta({ id: 'ProviderStatus' })

/** `GET /v1/providers`, and the same after a check. */
export const providerStatuses = pageReply(providerStatus).extend({ timestamp: instantReply })

/** `GET /v1/providers/{provider}/models`. */
export const providerModels = pageReply(
  z.strictObject({ name: z.string(), provider: z.string(), regions: z.array(z.string()), hosts: z.array(z.strictObject({ name: z.string(), region: z.string(), status: hostStatus })) }).meta({ id: 'ProviderModel' }),
)

/** What holds the schemas to the code that writes the bodies. */
export type ModelAnswersFit = [Fits<typeof providerStatus, ReturnType<typeof providerEntry>>]
