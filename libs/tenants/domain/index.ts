export { holds, mayGrant, missingForFields, permissionsOf, PLATFORM_ROLES, PROJECT_FIELDS, TENANT_FIELDS, TENANT_ROLES, TIER_FIELDS, type FieldRules } from './permissions'
export { KEY_SCOPES, type ApiKey, type Project, type Tenant } from './tenant'
