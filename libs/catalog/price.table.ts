import { EntitySchema } from 'typeorm'
import { bigintColumn } from '@tollgate/platform/postgres'
import type { Price } from '@tollgate/pricing'

/** A price row as stored: instants are dates there, milliseconds in the rules. */
export type PriceEntry = Omit<Price, 'effectiveAtMs' | 'createdAtMs'> & { readonly effectiveAt: Date; readonly createdAt: Date }

/** `price` of migrations 0003 and 0011. Rows are inserted, never changed: no role holds the right, and a trigger refuses everybody. */
export const PriceTable = new EntitySchema<PriceEntry>({
  name: 'price',
  columns: {
    id: { type: 'uuid', primary: true, primaryKeyConstraintName: 'price_pk' },
    book: { type: 'text', default: 'tariff' },
    tenantId: { name: 'tenant_id', type: 'uuid', nullable: true },
    model: { type: 'text' },
    provider: { type: 'text', nullable: true },
    region: { type: 'text', nullable: true },
    tier: { type: 'text', nullable: true },
    effectiveAt: { name: 'effective_at', type: 'timestamptz' },
    currency: { type: 'text' },
    inputPico: bigintColumn('input_pico'),
    outputPico: bigintColumn('output_pico'),
    cachedInputPico: bigintColumn('cached_input_pico', { nullable: true }),
    cacheWritePico: bigintColumn('cache_write_pico', { nullable: true }),
    reasoningPico: bigintColumn('reasoning_pico', { nullable: true }),
    perRequestPico: bigintColumn('per_request_pico', { default: 0 }),
    gpuSecondPico: bigintColumn('gpu_second_pico', { nullable: true }),
    isFree: { name: 'is_free', type: 'boolean', default: false },
    source: { type: 'text' },
    createdAt: { name: 'created_at', type: 'timestamptz', default: () => 'now()' },
  },
  // Descending order is not TypeORM's to express; the schema builder leaves an index alone that is not to be synchronised.
  indices: [{ name: 'price_model_idx', columns: ['model', 'effectiveAt'], synchronize: false }],
  checks: [
    { name: 'price_currency_form', expression: `currency ~ '^[A-Z]{3}$'` },
    { name: 'price_input_range', expression: 'input_pico BETWEEN 0 AND 10000000000000' },
    { name: 'price_output_range', expression: 'output_pico BETWEEN 0 AND 10000000000000' },
    { name: 'price_cached_range', expression: 'cached_input_pico BETWEEN 0 AND 10000000000000' },
    { name: 'price_cache_write_range', expression: 'cache_write_pico BETWEEN 0 AND 10000000000000' },
    { name: 'price_reasoning_range', expression: 'reasoning_pico BETWEEN 0 AND 10000000000000' },
    { name: 'price_request_range', expression: 'per_request_pico BETWEEN 0 AND 10000000000000000' },
    { name: 'price_gpu_range', expression: 'gpu_second_pico BETWEEN 0 AND 10000000000000000' },
    { name: 'price_gpu_whole_ms', expression: 'gpu_second_pico % 1000 = 0' },
    { name: 'price_book_known', expression: `book IN ('tariff', 'provider')` },
    { name: 'price_provider_book', expression: `book = 'tariff' OR (provider IS NOT NULL AND tenant_id IS NULL AND tier IS NULL AND currency = 'USD')` },
  ],
  foreignKeys: [{ name: 'price_tenant_fk', target: 'tenant', columnNames: ['tenantId'], referencedColumnNames: ['id'] }],
})
