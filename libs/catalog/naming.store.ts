import { Injectable } from '@nestjs/common'
import { Database, type Tx } from '@tollgate/platform/postgres'
import type { Price } from '@tollgate/pricing'
import type { Alias } from './domain/model'

interface AliasRow {
  id: string
  tenant_id: string | null
  tier: string | null
  name: string
  target: string
}

interface PriceRow {
  id: string
  book: Price['book']
  tenant_id: string | null
  model: string
  provider: string | null
  region: string | null
  tier: string | null
  effective_at: Date
  created_at: Date
  currency: string
  input_pico: string
  output_pico: string
  cached_input_pico: string | null
  cache_write_pico: string | null
  reasoning_pico: string | null
  per_request_pico: string
  gpu_second_pico: string | null
  is_free: boolean
  source: string
}

/** Aliases and prices in Postgres: those of the platform, and one tenant's own. */
@Injectable()
export class NamingStore {
  constructor(private readonly database: Database) {}

  /** Aliases and prices that belong to no tenant. */
  async shared(): Promise<{ aliases: Alias[]; prices: Price[] }> {
    return this.database.asPlatform((tx) => this.read(tx, 'tenant_id IS NULL', []))
  }

  /** A tenant's own aliases and prices. */
  async ofTenant(tenantId: string): Promise<{ aliases: Alias[]; prices: Price[] }> {
    return this.database.withTenant(tenantId, (tx) => this.read(tx, 'tenant_id = $1', [tenantId]))
  }

  private async read(tx: Tx, condition: string, parameters: unknown[]): Promise<{ aliases: Alias[]; prices: Price[] }> {
    const aliases = await tx.query<AliasRow[]>(`SELECT id, tenant_id, tier, name, target FROM alias WHERE ${condition}`, parameters)
    const prices = await tx.query<PriceRow[]>(`SELECT * FROM price WHERE ${condition} ORDER BY model, effective_at`, parameters)
    return { aliases: aliases.map((row) => ({ id: row.id, tenantId: row.tenant_id, tier: row.tier, name: row.name, target: row.target })), prices: prices.map(priceOf) }
  }
}

function priceOf(row: PriceRow): Price {
  const pico = (value: string | null) => (value === null ? null : BigInt(value))
  return {
    id: row.id,
    book: row.book,
    model: row.model,
    provider: row.provider,
    region: row.region,
    tier: row.tier,
    tenantId: row.tenant_id,
    effectiveAtMs: row.effective_at.getTime(),
    createdAtMs: row.created_at.getTime(),
    currency: row.currency,
    inputPico: BigInt(row.input_pico),
    outputPico: BigInt(row.output_pico),
    cachedInputPico: pico(row.cached_input_pico),
    cacheWritePico: pico(row.cache_write_pico),
    reasoningPico: pico(row.reasoning_pico),
    perRequestPico: BigInt(row.per_request_pico),
    gpuSecondPico: pico(row.gpu_second_pico),
    isFree: row.is_free,
    source: row.source,
  }
}
