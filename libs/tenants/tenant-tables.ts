import { AccountTable } from './account.table'
import { ApiKeyTable } from './api-key.table'
import { ProjectTable } from './project.table'
import { TenantTable } from './tenant.table'

/** Tables of this room, for the data source of a process. */
export const TENANT_TABLES = [TenantTable, ProjectTable, ApiKeyTable, AccountTable]
