import { EntitySchema } from 'typeorm'
import { picoColumn } from '@tollgate/platform/postgres'
import type { Project } from './domain/tenant'

/** `project` of migrations 0003 and 0016. */
export const ProjectTable = new EntitySchema<Project>({
  name: 'project',
  columns: {
    tenantId: { name: 'tenant_id', type: 'uuid', primary: true, primaryKeyConstraintName: 'project_pk' },
    id: { type: 'uuid', primary: true, primaryKeyConstraintName: 'project_pk' },
    slug: { type: 'text' },
    name: { type: 'text' },
    defaultModel: { name: 'default_model', type: 'text', nullable: true },
    allowedModels: { name: 'allowed_models', type: 'text', array: true, nullable: true },
    maxBudgetPico: picoColumn('max_budget_pico', { nullable: true }),
    softBudgetPico: picoColumn('soft_budget_pico', { nullable: true }),
    budgetDuration: { name: 'budget_duration', type: 'text', default: 'month' },
    createdAt: { name: 'created_at', type: 'timestamptz', default: () => 'now()' },
  },
  uniques: [{ name: 'project_slug_key', columns: ['tenantId', 'slug'] }],
  checks: [
    { name: 'project_slug_form', expression: `slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'` },
    { name: 'project_budget_positive', expression: 'max_budget_pico >= 0' },
    { name: 'project_soft_positive', expression: 'soft_budget_pico >= 0' },
    { name: 'project_duration_known', expression: `budget_duration IN ('day', 'week', 'month')` },
  ],
  foreignKeys: [{ name: 'project_tenant_fk', target: 'tenant', columnNames: ['tenantId'], referencedColumnNames: ['id'], onDelete: 'CASCADE' }],
})
