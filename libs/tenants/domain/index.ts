export { holds, missingForFields, permissionsOf, PLATFORM_ROLES, TENANT_ROLES, WRITABLE_FIELDS, type FieldRules } from './permissions'
export { KEY_SCOPES, type ApiKey, type Project, type Tenant } from './tenant'
