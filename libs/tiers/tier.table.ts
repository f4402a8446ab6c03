import { EntitySchema } from 'typeorm'
import type { BudgetTerms } from '@tollgate/kernel'
import { countColumn, picoColumn } from '@tollgate/platform/postgres'
import type { Tier } from './domain/tier'

/** A version of a tier as stored. */
export type TierVersion = Tier & { readonly createdAt: Date }

const BudgetColumns = new EntitySchema<BudgetTerms>({
  name: 'tier_budget',
  columns: {
    maxPico: picoColumn('max_budget_pico', { nullable: true }),
    softPico: picoColumn('soft_budget_pico', { nullable: true }),
    duration: { name: 'budget_duration', type: 'text', default: 'month' },
  },
})

/** `tier` of migration 0002: a row per version, the highest is in force. */
export const TierTable = new EntitySchema<TierVersion>({
  name: 'tier',
  columns: {
    slug: { type: 'text', primary: true, primaryKeyConstraintName: 'tier_pk' },
    version: { type: 'integer', primary: true, primaryKeyConstraintName: 'tier_pk' },
    name: { type: 'text' },
    models: { type: 'text', array: true },
    deniedModels: { name: 'denied_models', type: 'text', array: true, default: () => "'{}'" },
    regions: { type: 'text', array: true, default: () => "'{}'" },
    features: { type: 'jsonb', default: {} },
    requestsPerMinute: { name: 'rpm_limit', type: 'integer', nullable: true },
    tokensPerMinute: countColumn('tpm_limit', { nullable: true }),
    maxParallel: { name: 'max_parallel_requests', type: 'integer', nullable: true },
    queueWeight: { name: 'queue_weight', type: 'integer', default: 1 },
    maxOutputTokens: { name: 'max_output_tokens', type: 'integer' },
    defaultModel: { name: 'default_model', type: 'text', nullable: true },
    cutStreamPolicy: { name: 'cut_stream_policy', type: 'text', default: 'none' },
    createdAt: { name: 'created_at', type: 'timestamptz', default: () => 'now()' },
  },
  embeddeds: { budget: { schema: BudgetColumns, prefix: false } },
  checks: [
    { name: 'tier_slug_form', expression: `slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'` },
    { name: 'tier_version_positive', expression: 'version > 0' },
    { name: 'tier_rpm_positive', expression: 'rpm_limit > 0' },
    { name: 'tier_tpm_positive', expression: 'tpm_limit > 0' },
    { name: 'tier_parallel_positive', expression: 'max_parallel_requests > 0' },
    { name: 'tier_weight_positive', expression: 'queue_weight > 0' },
    { name: 'tier_output_positive', expression: 'max_output_tokens > 0' },
    { name: 'tier_budget_positive', expression: 'max_budget_pico > 0' },
    { name: 'tier_soft_positive', expression: 'soft_budget_pico > 0' },
    { name: 'tier_duration_known', expression: `budget_duration IN ('day', 'week', 'month')` },
    { name: 'tier_cut_policy_known', expression: `cut_stream_policy IN ('none', 'delivered')` },
  ],
})

/** Tables of this room, for the data source of a process. */
export const TIER_TABLES = [TierTable]
