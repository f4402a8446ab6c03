/** What a handler of the control plane may ask for. `keys:own` covers only keys the same person made. */
export const PERMISSIONS = [
  'self',
  'staff:read',
  'staff:write',
  'tenants:list',
  'tenants:read',
  'tenants:write',
  'tenants:settings',
  'budgets:write',
  'projects:read',
  'projects:write',
  'project-budgets:write',
  'keys:read',
  'keys:write',
  'keys:own',
  'members:read',
  'members:write',
  'members:owners',
  'tenant-aliases:read',
  'tenant-aliases:write',
  'tenant-rule-sets:read',
  'tenant-rule-sets:write',
  'tiers:read',
  'tiers:write',
  'hosts:read',
  'hosts:write',
  'models:read',
  'models:write',
  'aliases:read',
  'aliases:write',
  'rule-sets:read',
  'rule-sets:write',
  'prompts:read',
  'prompts:write',
  'prices:read',
  'prices:write',
  'regions:read',
  'regions:write',
  'requests:read',
  'ledger:verify',
  'prices:simulate',
  'reports:read',
  'reports:margin',
  'invoices:read',
  'invoices:write',
  'credit:read',
  'credit:write',
  'webhooks:read',
  'webhooks:write',
  'platform-webhooks:read',
  'platform-webhooks:write',
  'config:read',
  'config:write',
] as const

/** One of the permissions. */
export type Permission = (typeof PERMISSIONS)[number]

/** Roles of operators, who belong to no tenant, and of a tenant's people. Order is for display only. */
export const PLATFORM_ROLES = ['owner', 'ops', 'billing', 'support'] as const
export const TENANT_ROLES = ['owner', 'admin', 'billing', 'developer', 'viewer'] as const

/** A role by its realm: the two `owner` roles are different ones. */
export type RoleName = `platform:${(typeof PLATFORM_ROLES)[number]}` | `tenant:${(typeof TENANT_ROLES)[number]}`

const READS: readonly Permission[] = PERMISSIONS.filter((permission) => permission.endsWith(':read') && !permission.startsWith('staff'))
const TENANT_READS: readonly Permission[] = ['self', 'tenants:read', 'projects:read', 'tenant-aliases:read', 'tenant-rule-sets:read']
const TENANT_ADMIN: readonly Permission[] = [
  ...TENANT_READS,
  'tenants:settings',
  'projects:write',
  'project-budgets:write',
  'keys:read',
  'keys:write',
  'keys:own',
  'members:read',
  'members:write',
  'tenant-aliases:write',
  'tenant-rule-sets:write',
  'invoices:read',
  'credit:read',
  'webhooks:read',
  'webhooks:write',
]

/** Who may do what. A permission that is not listed is not granted. */
const GRANTED: Readonly<Record<RoleName, ReadonlySet<Permission>>> = {
  'platform:owner': new Set(PERMISSIONS),
  'platform:ops': new Set<Permission>([
    ...READS,
    'self',
    'tenants:list',
    'tenants:write',
    'tenants:settings',
    'projects:write',
    'keys:write',
    'keys:own',
    'tenant-aliases:write',
    'tenant-rule-sets:write',
    'tiers:write',
    'hosts:write',
    'models:write',
    'aliases:write',
    'rule-sets:write',
    'prompts:write',
    'regions:write',
    'ledger:verify',
  ]),
  'platform:billing': new Set<Permission>([...READS, 'self', 'tenants:list', 'budgets:write', 'project-budgets:write', 'prices:write', 'invoices:write', 'credit:write', 'webhooks:write', 'platform-webhooks:write', 'reports:margin', 'ledger:verify', 'prices:simulate']),
  'platform:support': new Set<Permission>([...READS, 'self', 'tenants:list']),
  'tenant:owner': new Set<Permission>([...TENANT_ADMIN, 'members:owners']),
  'tenant:admin': new Set(TENANT_ADMIN),
  'tenant:billing': new Set<Permission>([...TENANT_READS, 'project-budgets:write', 'keys:read', 'members:read', 'invoices:read', 'credit:read', 'webhooks:read', 'webhooks:write']),
  'tenant:developer': new Set<Permission>([...TENANT_READS, 'keys:own']),
  'tenant:viewer': new Set(TENANT_READS),
}

/** Does a role hold a permission? */
export function holds(role: RoleName, permission: Permission): boolean {
  return GRANTED[role].has(permission)
}

/** Everything a role holds, in the order of `PERMISSIONS`. */
export function permissionsOf(role: RoleName): Permission[] {
  return PERMISSIONS.filter((permission) => holds(role, permission))
}

/** May somebody give (or take away) a role? Only who holds everything that it holds: granting requires holding (F24). */
export function mayGrant(granter: RoleName, role: RoleName): boolean {
  return permissionsOf(role).every((permission) => holds(granter, permission))
}

/** Permission a changed field needs, beside what its route asks for. A field that is not listed needs no more. */
export type FieldRules = Readonly<Record<string, Permission>>

/**
 * Writable fields by object (F24). Of a tenant, money is billing's, tier, regions and suspension are the operator's, the
 * rest its own people's; of a tier, the budget is money.
 */
export const WRITABLE_FIELDS = {
  tenant: {
    name: 'tenants:settings',
    preferred_model: 'tenants:settings',
    time_zone: 'tenants:settings',
    replays_answers: 'tenants:settings',
    tier: 'tenants:write',
    home_region: 'tenants:write',
    allowed_regions: 'tenants:write',
    is_suspended: 'tenants:write',
    billing: 'budgets:write',
    max_budget: 'budgets:write',
    soft_budget: 'budgets:write',
    budget_duration: 'budgets:write',
  },
  project: {
    slug: 'projects:write',
    name: 'projects:write',
    default_model: 'projects:write',
    allowed_models: 'projects:write',
    max_budget: 'project-budgets:write',
    soft_budget: 'project-budgets:write',
    budget_duration: 'project-budgets:write',
  },
  tier: { max_budget: 'budgets:write', soft_budget: 'budgets:write', budget_duration: 'budgets:write' },
} as const satisfies Record<string, FieldRules>

/** The first permission that a set of changed fields needs and the role lacks; null = all may be written. */
export function missingForFields(role: RoleName, rules: FieldRules, changed: readonly string[]): Permission | null {
  for (const field of changed) {
    const needed = rules[field]
    if (needed && !holds(role, needed)) return needed
  }
  return null
}
