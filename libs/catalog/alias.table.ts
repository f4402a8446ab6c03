import { EntitySchema } from 'typeorm'
import type { Alias } from './domain/model'

/** An alias as stored. */
export type AliasEntry = Alias & { readonly createdAt: Date }

/** `alias` of migration 0003. TypeORM cannot say NULLS NOT DISTINCT; its schema builder compares uniques by name only. */
export const AliasTable = new EntitySchema<AliasEntry>({
  name: 'alias',
  columns: {
    id: { type: 'uuid', primary: true, primaryKeyConstraintName: 'alias_pk' },
    tenantId: { name: 'tenant_id', type: 'uuid', nullable: true },
    tier: { type: 'text', nullable: true },
    name: { type: 'text' },
    target: { type: 'text' },
    createdAt: { name: 'created_at', type: 'timestamptz', default: () => 'now()' },
  },
  uniques: [{ name: 'alias_name_key', columns: ['tenantId', 'tier', 'name'] }],
  checks: [
    { name: 'alias_name_form', expression: 'length(name) BETWEEN 1 AND 100' },
    { name: 'alias_one_scope', expression: 'tenant_id IS NULL OR tier IS NULL' },
  ],
  foreignKeys: [{ name: 'alias_tenant_fk', target: 'tenant', columnNames: ['tenantId'], referencedColumnNames: ['id'], onDelete: 'CASCADE' }],
})
