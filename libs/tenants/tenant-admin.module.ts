import { Module } from '@nestjs/common'
import { KeyAdminService } from './key-admin.service'
import { KeyStore } from './key.store'
import { ProjectAdminService } from './project-admin.service'
import { ProjectStore } from './project.store'
import { TenantAdminService } from './tenant-admin.service'
import { TenantStore } from './tenant.store'

/** Tenants, projects and keys for the control plane. Needs the platform module with `TENANT_TABLES`. */
@Module({
  providers: [TenantStore, ProjectStore, KeyStore, TenantAdminService, ProjectAdminService, KeyAdminService],
  exports: [TenantAdminService, ProjectAdminService, KeyAdminService],
})
export class TenantAdminModule {}
