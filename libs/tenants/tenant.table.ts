import { EntitySchema } from 'typeorm'
import { countColumn, picoColumn } from '@tollgate/platform/postgres'
import type { Tenant } from './domain/tenant'

/** `tenant` of migration 0003. Its row policies are not TypeORM's to express; names are those of the migration. */
export const TenantTable = new EntitySchema<Tenant>({
  name: 'tenant',
  columns: {
    id: { type: 'uuid', primary: true, primaryKeyConstraintName: 'tenant_pk' },
    slug: { type: 'text' },
    name: { type: 'text' },
    tier: { type: 'text' },
    homeRegion: { name: 'home_region', type: 'text' },
    allowedRegions: { name: 'allowed_regions', type: 'text', array: true },
    preferredModel: { name: 'preferred_model', type: 'text', nullable: true },
    currency: { type: 'text', default: 'USD' },
    timeZone: { name: 'time_zone', type: 'text', default: 'UTC' },
    formerZones: { name: 'former_zones', type: 'jsonb', default: [] },
    billing: { type: 'text', default: 'postpaid' },
    maxBudgetPico: picoColumn('max_budget_pico', { nullable: true }),
    softBudgetPico: picoColumn('soft_budget_pico', { nullable: true }),
    budgetDuration: { name: 'budget_duration', type: 'text', default: 'month' },
    bucket: { type: 'smallint' },
    authEpoch: countColumn('auth_epoch', { default: 1 }),
    replaysAnswers: { name: 'replays_answers', type: 'boolean', default: false },
    isSuspended: { name: 'is_suspended', type: 'boolean', default: false },
    createdAt: { name: 'created_at', type: 'timestamptz', default: () => 'now()' },
    updatedAt: { name: 'updated_at', type: 'timestamptz', default: () => 'now()' },
  },
  uniques: [{ name: 'tenant_slug_key', columns: ['slug'] }],
  checks: [
    { name: 'tenant_slug_form', expression: `slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'` },
    { name: 'tenant_home_is_allowed', expression: 'home_region = ANY (allowed_regions)' },
    { name: 'tenant_currency_form', expression: `currency ~ '^[A-Z]{3}$'` },
    { name: 'tenant_former_zones_list', expression: `jsonb_typeof(former_zones) = 'array'` },
    { name: 'tenant_billing_known', expression: `billing IN ('prepaid', 'postpaid')` },
    { name: 'tenant_budget_positive', expression: 'max_budget_pico >= 0' },
    { name: 'tenant_soft_positive', expression: 'soft_budget_pico >= 0' },
    { name: 'tenant_duration_known', expression: `budget_duration IN ('day', 'week', 'month')` },
    { name: 'tenant_bucket_range', expression: 'bucket BETWEEN 0 AND 63' },
  ],
  // `region` belongs to another room: its table is named, not imported.
  foreignKeys: [{ name: 'tenant_home_region_fk', target: 'region', columnNames: ['homeRegion'], referencedColumnNames: ['slug'] }],
})
