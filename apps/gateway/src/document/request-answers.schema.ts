import type { RequestRecordService } from '@tollgate/proof'
import { z } from 'zod'
import type { SigningKeysController } from '../routes/requests/signing-keys.controller'
import { instant, money, usageSource, type Fits } from './fields.schema'

const regions = z.array(z.string()).readonly()

const price = z
  .strictObject({
    id: z.uuid(),
    book: z.string(),
    model: z.string(),
    provider: z.string().nullable(),
    region: z.string().nullable(),
    tier: z.string().nullable(),
    currency: z.string(),
    effective_at: instant,
    input_per_million: money.nullable(),
    output_per_million: money.nullable(),
    cached_input_per_million: money.nullable(),
    cache_write_per_million: money.nullable(),
    reasoning_per_million: money.nullable(),
    per_request: money,
    gpu_second: money.nullable(),
    free: z.boolean(),
    source: z.string(),
  })
  .meta({ id: 'PriceOfRequest' })

const attempt = z
  .strictObject({ attempt: z.int(), host: z.string(), provider: z.string(), region: z.string(), model: z.string(), outcome: z.string().meta({ description: '`completed`, or the class of its failure' }), duration_ms: z.int() })
  .meta({ id: 'AttemptOfRequest' })

/** Every try at an upstream, in order. */
export const attempts = z.array(attempt)

const children = z.strictObject({ cost: money, requests: z.array(z.strictObject({ id: z.uuid(), model: z.string(), status: z.string(), cost: money })) })

/** `GET /v1/requests/{id}`. */
export const ownRequest = z
  .strictObject({
    id: z.uuid(),
    started_at: instant,
    surface: z.string(),
    requested_model: z.string(),
    model: z.string(),
    provider: z.string(),
    region: z.string(),
    host: z.string(),
    model_digest: z.string().nullable().meta({ description: 'Of the weights that answered; null where the provider tells none' }),
    allowed_regions: regions.nullable(),
    status: z.string().meta({ description: 'completed, failed, aborted or swept' }),
    finish_reason: z.string().nullable(),
    error_code: z.string().nullable(),
    stream: z.boolean(),
    usage: z.strictObject({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int(), cached_tokens: z.int(), cache_write_tokens: z.int(), reasoning_tokens: z.int(), source: z.string().meta({ description: usageSource.options.join(' or ') }) }),
    raw_usage: z.unknown().meta({ description: "The provider's own object, as it came; null = it sent none" }),
    cost: money,
    currency: z.string().nullable(),
    price: price.nullable(),
    parent_id: z.string().nullable().meta({ description: 'The request that this call is one of several for; null = it is the whole request' }),
    children: children.nullable().meta({ description: 'Of the first of several: all of them, itself included' }),
    duration_ms: z.int(),
    first_event_ms: z.int().nullable(),
    flags: z.array(z.string()).readonly(),
    attempts,
    ledger: z.array(z.strictObject({ rank: z.int(), delta: money, recorded_at: instant })),
  })
  .meta({ id: 'OwnRequest' })

const signingKey = z
  .strictObject({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string(), kid: z.string(), use: z.literal('sig'), alg: z.literal('EdDSA') })
  .meta({ id: 'ReceiptKey' })

/** `GET /.well-known/jwks.json`. */
export const signingKeys = z.strictObject({ keys: z.array(signingKey).readonly() }).meta({ id: 'ReceiptKeys' })

const receipt = z
  .strictObject({
    request_id: z.uuid(),
    tenant: z.strictObject({ id: z.uuid(), slug: z.string().nullable() }),
    host: z.string(),
    region: z.string(),
    provider: z.string(),
    model: z.string(),
    model_digest: z.string().nullable(),
    allowed_regions: regions,
    attempts: z.array(z.strictObject({ host: z.string(), region: z.string(), provider: z.string() })).readonly(),
    status: z.string(),
    started_at: instant,
    recorded_at: instant,
  })
  .meta({ id: 'Receipt' })

/** `GET /v1/requests/{id}/receipt`. */
export const signedReceipt = z.strictObject({ receipt, jws: z.string().meta({ description: 'The receipt as a compact JWS' }), public_key: signingKey }).meta({ id: 'SignedReceipt' })

/** What holds the schemas to the code that writes the bodies. */
export type RequestAnswersFit = [
  Fits<typeof ownRequest, Awaited<ReturnType<RequestRecordService['forTenant']>>>,
  Fits<typeof signedReceipt, Awaited<ReturnType<RequestRecordService['receipt']>>>,
  Fits<typeof signingKeys, ReturnType<SigningKeysController['keys']>>,
]
