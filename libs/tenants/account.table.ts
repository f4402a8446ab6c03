import { EntitySchema } from 'typeorm'
import type { Account } from './domain/person'

/** `account` of migrations 0002 and 0003. */
export const AccountTable = new EntitySchema<Account>({
  name: 'account',
  columns: {
    id: { type: 'uuid', primary: true, primaryKeyConstraintName: 'account_pk' },
    tenantId: { name: 'tenant_id', type: 'uuid', nullable: true },
    email: { type: 'text' },
    passwordHash: { name: 'password_hash', type: 'text' },
    role: { type: 'text' },
    isDisabled: { name: 'is_disabled', type: 'boolean', default: false },
    createdAt: { name: 'created_at', type: 'timestamptz', default: () => 'now()' },
  },
  uniques: [{ name: 'account_email_key', columns: ['email'] }],
  checks: [
    { name: 'account_email_lower', expression: 'email = lower(email)' },
    {
      name: 'account_role_known',
      expression: `(tenant_id IS NULL AND role IN ('owner', 'ops', 'billing', 'support')) OR (tenant_id IS NOT NULL AND role IN ('owner', 'admin', 'billing', 'developer', 'viewer'))`,
    },
  ],
  foreignKeys: [{ name: 'account_tenant_fk', target: 'tenant', columnNames: ['tenantId'], referencedColumnNames: ['id'], onDelete: 'CASCADE' }],
})
