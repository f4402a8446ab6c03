import type { PriceAdminService } from '@tollgate/catalog'
import { moneyText, perMillionText } from '../../fields.schema'
import { given } from '../tenants/tenant.wire'
import type { PriceBody } from './price.schema'

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

/** A price as the wire has it. */
export function priceWire(price: Price) {
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
    input_per_million: perMillionText(price.inputPico),
    output_per_million: perMillionText(price.outputPico),
    cached_input_per_million: perMillionText(price.cachedInputPico),
    cache_write_per_million: perMillionText(price.cacheWritePico),
    reasoning_per_million: perMillionText(price.reasoningPico),
    per_request: moneyText(price.perRequestPico),
    gpu_second: moneyText(price.gpuSecondPico),
    free: price.isFree,
    source: price.source,
    created_at: price.createdAt,
  }
}
