import { holds, mayGrant, missingForFields, PERMISSIONS, permissionsOf, PLATFORM_ROLES, TENANT_ROLES, WRITABLE_FIELDS, type RoleName } from './permissions'
import { mayManage } from './person'

const ROLES: RoleName[] = [...PLATFORM_ROLES.map((role): RoleName => `platform:${role}`), ...TENANT_ROLES.map((role): RoleName => `tenant:${role}`)]

describe('permissions', () => {
  it('are all held by the owner of the platform, and each by somebody', () => {
    expect(permissionsOf('platform:owner')).toEqual([...PERMISSIONS])
  })

  it('never grow by granting: whoever may be given a role holds no more than the giver', () => {
    for (const granter of ROLES) for (const role of ROLES) if (mayGrant(granter, role)) expect(permissionsOf(role).filter((permission) => !holds(granter, permission))).toEqual([])
  })

  it('let every role be given by the owner of its realm, and the platform owner by no other', () => {
    for (const role of PLATFORM_ROLES) expect(mayGrant('platform:owner', `platform:${role}`)).toBe(true)
    for (const role of TENANT_ROLES) expect(mayGrant('tenant:owner', `tenant:${role}`)).toBe(true)
    expect(ROLES.filter((role) => mayGrant(role, 'platform:owner'))).toEqual(['platform:owner'])
    expect(mayGrant('tenant:admin', 'tenant:owner')).toBe(false)
  })

  it('keep money to billing and hosts to ops, beside the owner', () => {
    const holders = (permission: (typeof PERMISSIONS)[number]) => ROLES.filter((role) => holds(role, permission))
    expect(holders('budgets:write')).toEqual(['platform:owner', 'platform:billing'])
    expect(holders('prices:write')).toEqual(['platform:owner', 'platform:billing'])
    expect(holders('reports:margin')).toEqual(['platform:owner', 'platform:billing'])
    expect(holders('hosts:write')).toEqual(['platform:owner', 'platform:ops'])
    expect(holders('staff:write')).toEqual(['platform:owner'])
  })

  it('keep people of a tenant to people of that tenant', () => {
    const owner = { role: 'tenant:owner' as const, tenantId: 'a' }
    expect(mayManage(owner, { tenantId: 'a', role: 'viewer' })).toBe(true)
    expect(mayManage(owner, { tenantId: 'b', role: 'viewer' })).toBe(false)
    expect(mayManage(owner, { tenantId: null, role: 'support' })).toBe(false)
  })

  it('name what a field needs', () => {
    expect(missingForFields('platform:ops', WRITABLE_FIELDS.tenant, ['tier', 'max_budget'])).toBe('budgets:write')
    expect(missingForFields('platform:owner', WRITABLE_FIELDS.tenant, Object.keys(WRITABLE_FIELDS.tenant))).toBeNull()
  })
})
