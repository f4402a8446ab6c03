import { EntitySchema } from 'typeorm'
import { countColumn, picoColumn } from '@tollgate/platform/postgres'
import type { ApiKey } from './domain/tenant'

/** `api_key` of migrations 0003, 0010 and 0016. */
export const ApiKeyTable = new EntitySchema<ApiKey>({
  name: 'api_key',
  columns: {
    tenantId: { name: 'tenant_id', type: 'uuid', primary: true, primaryKeyConstraintName: 'api_key_pk' },
    id: { type: 'uuid', primary: true, primaryKeyConstraintName: 'api_key_pk' },
    publicId: { name: 'public_id', type: 'text' },
    keyHash: { name: 'key_hash', type: 'bytea' },
    pepperVersion: { name: 'pepper_version', type: 'smallint' },
    keyPrefix: { name: 'key_prefix', type: 'text' },
    name: { type: 'text' },
    projectId: { name: 'project_id', type: 'uuid', nullable: true },
    accountId: { name: 'account_id', type: 'uuid', nullable: true },
    allowedModels: { name: 'allowed_models', type: 'text', array: true, nullable: true },
    allowedRegions: { name: 'allowed_regions', type: 'text', array: true, nullable: true },
    rpmLimit: { name: 'rpm_limit', type: 'integer', nullable: true },
    tpmLimit: countColumn('tpm_limit', { nullable: true }),
    maxParallelRequests: { name: 'max_parallel_requests', type: 'integer', nullable: true },
    maxBudgetPico: picoColumn('max_budget_pico', { nullable: true }),
    softBudgetPico: picoColumn('soft_budget_pico', { nullable: true }),
    budgetDuration: { name: 'budget_duration', type: 'text', default: 'month' },
    ipCidrs: { name: 'ip_cidrs', type: 'text', array: true, nullable: true },
    scopes: { type: 'text', array: true, default: () => "'{chat,models:read,report:read}'" },
    expiresAt: { name: 'expires_at', type: 'timestamptz', nullable: true },
    revokedAt: { name: 'revoked_at', type: 'timestamptz', nullable: true },
    lastUsedOn: { name: 'last_used_on', type: 'date', nullable: true },
    createdAt: { name: 'created_at', type: 'timestamptz', default: () => 'now()' },
  },
  uniques: [{ name: 'api_key_public_id_key', columns: ['publicId'] }],
  indices: [{ name: 'api_key_account_idx', columns: ['accountId'] }],
  checks: [
    { name: 'api_key_public_id_form', expression: `public_id ~ '^[0-9A-Za-z]{12}$'` },
    { name: 'api_key_rpm_positive', expression: 'rpm_limit > 0' },
    { name: 'api_key_tpm_positive', expression: 'tpm_limit > 0' },
    { name: 'api_key_parallel_positive', expression: 'max_parallel_requests > 0' },
    { name: 'api_key_budget_positive', expression: 'max_budget_pico >= 0' },
    { name: 'api_key_soft_positive', expression: 'soft_budget_pico >= 0' },
    { name: 'api_key_duration_known', expression: `budget_duration IN ('day', 'week', 'month')` },
  ],
  foreignKeys: [
    { name: 'api_key_tenant_fk', target: 'tenant', columnNames: ['tenantId'], referencedColumnNames: ['id'], onDelete: 'CASCADE' },
    { name: 'api_key_project_fk', target: 'project', columnNames: ['tenantId', 'projectId'], referencedColumnNames: ['tenantId', 'id'], onDelete: 'CASCADE' },
    { name: 'api_key_account_fk', target: 'account', columnNames: ['accountId'], referencedColumnNames: ['id'], onDelete: 'SET NULL' },
  ],
})
