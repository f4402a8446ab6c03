import type { PriceAdminService } from '@tollgate/catalog'
import { decimalFromPico, perMillionFromPico } from '@tollgate/kernel'
import { instantReply, moneyReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import { moneyText, perMillionText } from '../../fields.schema'
import { given } from '../tenants/tenant.wire'
import { book, type PriceBody } from './price.schema'

type Price = Awaited<ReturnType<PriceAdminService['add']>>

/** Fields of a body in the domain's names; what the body leaves out is left out. */
export function priceFields(body: PriceBody) {
  return given({
    book: body.book,
    provider: body.provider,
    region: body.region,
    tier: body.tier,
    effectiveAt: body.effective_at,
    currency: body.currency,
    cachedInputPico: body.cached_input_per_million,
    cacheWritePico: body.cache_write_per_million,
    reasoningPico: body.reasoning_per_million,
    perRequestPico: body.per_request,
    gpuSecondPico: body.gpu_second,
    isFree: body.free,
  })
}

const perMillionReply = z.string().regex(/^\d+(\.\d{1,6})?$/).meta({ description: 'Decimal string per million tokens' })

/** A price as the wire has it. A null place means any; a null class of tokens is billed as its parent. */
export const priceReply = z
  .strictObject({
    id: z.uuid(),
    book,
    model: z.string().meta({ description: '`*`: every model of the provider' }),
    provider: z.string().nullable(),
    region: z.string().nullable(),
    tier: z.string().nullable(),
    tenant_id: z.uuid().nullable(),
    effective_at: instantReply,
    currency: z.string(),
    input_per_million: perMillionReply,
    output_per_million: perMillionReply,
    cached_input_per_million: perMillionReply.nullable(),
    cache_write_per_million: perMillionReply.nullable(),
    reasoning_per_million: perMillionReply.nullable(),
    per_request: moneyReply,
    gpu_second: moneyReply.nullable(),
    free: z.boolean(),
    source: z.string(),
    created_at: instantReply,
  })
  .meta({ id: 'Price' })

export function priceWire(price: Price): z.output<typeof priceReply> {
  return {
    id: price.id,
    book: price.book,
    model: price.model,
    provider: price.provider,
    region: price.region,
    tier: price.tier,
    tenant_id: price.tenantId,
    effective_at: price.effectiveAt,
    currency: price.currency,
    input_per_million: perMillionFromPico(price.inputPico),
    output_per_million: perMillionFromPico(price.outputPico),
    cached_input_per_million: perMillionText(price.cachedInputPico),
    cache_write_per_million: perMillionText(price.cacheWritePico),
    reasoning_per_million: perMillionText(price.reasoningPico),
    per_request: decimalFromPico(price.perRequestPico),
    gpu_second: moneyText(price.gpuSecondPico),
    free: price.isFree,
    source: price.source,
    created_at: price.createdAt,
  }
}
