import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'
import type { Tier } from './domain/tier'

interface TierRow {
  slug: string
  version: number
  name: string
  models: string[]
  denied_models: string[]
  regions: string[]
  features: Record<string, unknown>
  rpm_limit: number | null
  tpm_limit: string | null
  max_parallel_requests: number | null
  queue_weight: number
  max_output_tokens: number
  max_budget_pico: string | null
  soft_budget_pico: string | null
  budget_duration: 'day' | 'week' | 'month'
  default_model: string | null
  cut_stream_policy: 'none' | 'delivered'
}

/** Tiers in Postgres. */
@Injectable()
export class TierStore {
  constructor(private readonly database: Database) {}

  /** The version in force of every tier. */
  async current(): Promise<Tier[]> {
    const rows = await this.database.query<TierRow>('SELECT DISTINCT ON (slug) * FROM tier ORDER BY slug, version DESC')
    return rows.map(tierOf)
  }
}

function tierOf(row: TierRow): Tier {
  const pico = (value: string | null) => (value === null ? null : BigInt(value))
  return {
    slug: row.slug,
    version: row.version,
    name: row.name,
    models: row.models,
    deniedModels: row.denied_models,
    regions: row.regions,
    features: row.features,
    requestsPerMinute: row.rpm_limit,
    tokensPerMinute: row.tpm_limit === null ? null : Number(row.tpm_limit),
    maxParallel: row.max_parallel_requests,
    queueWeight: row.queue_weight,
    maxOutputTokens: row.max_output_tokens,
    budget: { maxPico: pico(row.max_budget_pico), softPico: pico(row.soft_budget_pico), duration: row.budget_duration },
    defaultModel: row.default_model,
    cutStreamPolicy: row.cut_stream_policy,
  }
}
