import { instantTextReply } from '@tollgate/platform/json-schema'
import type { RequestRecordService } from '@tollgate/proof'
import type { ownRequestReply } from '@tollgate/proof/record'
import { z } from 'zod'
import type { SigningKeysController } from '../routes/requests/signing-keys.controller'
import type { Fits } from './fields.schema'

const regions = z.array(z.string()).readonly()

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
    started_at: instantTextReply,
    recorded_at: instantTextReply,
  })
  .meta({ id: 'Receipt' })

/** `GET /v1/requests/{id}/receipt`. */
export const signedReceipt = z.strictObject({ receipt, jws: z.string().meta({ description: 'The receipt as a compact JWS' }), public_key: signingKey }).meta({ id: 'SignedReceipt' })

/** What holds the schemas to the code that writes the bodies. */
export type RequestAnswersFit = [
  Fits<typeof ownRequestReply, Awaited<ReturnType<RequestRecordService['forTenant']>>>,
  Fits<typeof signedReceipt, Awaited<ReturnType<RequestRecordService['receipt']>>>,
  Fits<typeof signingKeys, ReturnType<SigningKeysController['keys']>>,
]
