import type { CatalogModel } from '@tollgate/catalog'
import { decimalFromPico, perMillionFromPico } from '@tollgate/kernel'
import type { Price } from '@tollgate/pricing'
import type { ModelFactsOfCaller } from './model-facts'

/** One entry of `GET /models` (product.md 2.3). `size` is null for cloud models; latency in ms. */
export function modelEntry(model: CatalogModel, facts: ModelFactsOfCaller, stats: { requests: number; failures: number; durationMs: number } | undefined): Record<string, unknown> {
  const { format, family, parameter_size, quantization_level } = model.details as Record<string, string | undefined>
  const { contextLength, vision, tools, embedding, thinking } = model.capabilities
  return {
    name: model.name,
    size: model.sizeBytes,
    modified_at: model.updatedAt.toISOString(),
    details: { format: format ?? null, family: family ?? null, parameter_size: parameter_size ?? null, quantization_level: quantization_level ?? null },
    display_name: model.displayName,
    description: model.description,
    version: model.version,
    base_model: model.baseModel,
    provider: facts.provider,
    regions: facts.regions,
    capabilities: { context_length: contextLength, vision, tools, embedding, thinking },
    aliases: facts.aliases,
    price: model.isFree ? { free: true } : priceEntry(facts.price),
    status: facts.isHealthy ? 'available' : 'degraded',
    stats: statsEntry(stats),
  }
}

function priceEntry(price: Price | null): Record<string, unknown> | null {
  if (!price) return null
  if (price.isFree) return { free: true }
  const optional = { cached_input_per_million: price.cachedInputPico, cache_write_per_million: price.cacheWritePico, reasoning_per_million: price.reasoningPico }
  const classes = Object.entries(optional).flatMap(([name, pico]) => (pico === null ? [] : [[name, perMillionFromPico(pico)] as const]))
  return {
    currency: price.currency,
    input_per_million: perMillionFromPico(price.inputPico),
    output_per_million: perMillionFromPico(price.outputPico),
    ...Object.fromEntries(classes),
    ...(price.perRequestPico > 0n ? { per_request: decimalFromPico(price.perRequestPico) } : {}),
  }
}

function statsEntry(stats: { requests: number; failures: number; durationMs: number } | undefined): Record<string, number | null> {
  if (!stats || stats.requests === 0) return { requests: 0, success_rate: null, avg_latency_ms: null }
  return { requests: stats.requests, success_rate: Math.round((1 - stats.failures / stats.requests) * 10_000) / 10_000, avg_latency_ms: Math.round(stats.durationMs / stats.requests) }
}
