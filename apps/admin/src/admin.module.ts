import { Module, StandardSchemaValidationPipe, type DynamicModule, type Provider, type Type } from '@nestjs/common'
import { APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core'
import { ThrottlerModule } from '@nestjs/throttler'
import { CATALOG_TABLES, CatalogAdminModule } from '@tollgate/catalog'
import { FleetAdminModule, HOST_TABLES } from '@tollgate/hosts'
import { LimitsModule } from '@tollgate/limits'
import type { ClusterConfig } from '@tollgate/platform/config'
import { HealthController } from '@tollgate/platform/http'
import { PlatformModule } from '@tollgate/platform/process'
import { RedisThrottlerStorage } from '@tollgate/platform/throttle'
import { ProvidersModule } from '@tollgate/providers'
import { TENANT_TABLES, TenantAdminModule } from '@tollgate/tenants'
import { PeopleModule, PermitGuard, Public } from '@tollgate/tenants/people'
import { TIER_TABLES, TierAdminModule } from '@tollgate/tiers'
import { Announcements } from './announcements'
import { HostAdminService } from './host-admin.service'
import { HostDiscovery } from './host-discovery'
import { invalidIssues } from './invalid'
import { NoStore } from './no-store'
import { OpenApi } from './openapi/open-api'
import { OpenApiController } from './openapi/open-api.controller'
import { PermitCheck } from './permit-check'
import { References } from './references'
import { AuthController } from './routes/auth/auth.controller'
import { LOGINS_PER_MINUTE } from './routes/auth/login-throttle.guard'
import { AliasesController } from './routes/catalog/aliases.controller'
import { ModelsController } from './routes/catalog/models.controller'
import { PricesController } from './routes/catalog/prices.controller'
import { TenantAliasesController } from './routes/catalog/tenant-aliases.controller'
import { HostsController } from './routes/hosts/hosts.controller'
import { RegionsController } from './routes/hosts/regions.controller'
import { MembersController } from './routes/people/members.controller'
import { StaffController } from './routes/people/staff.controller'
import { KeysController } from './routes/tenants/keys.controller'
import { ProjectsController } from './routes/tenants/projects.controller'
import { TenantsController } from './routes/tenants/tenants.controller'
import { TiersController } from './routes/tiers/tiers.controller'

export { HostAdminService } from './host-admin.service'

/** The OpenAPI document of a running control plane. */
export function buildOpenApi(app: { get(token: typeof OpenApi): OpenApi }) {
  return app.get(OpenApi).document()
}

/** Every table the control plane maps. */
export const ADMIN_TABLES = [...TENANT_TABLES, ...TIER_TABLES, ...HOST_TABLES, ...CATALOG_TABLES]

const CONTROLLERS: Type[] = [
  AuthController,
  StaffController,
  TenantsController,
  ProjectsController,
  KeysController,
  MembersController,
  TenantAliasesController,
  TiersController,
  ModelsController,
  AliasesController,
  PricesController,
  HostsController,
  RegionsController,
  OpenApiController,
  HealthController,
]

const PROVIDERS: Provider[] = [
  { provide: APP_PIPE, useFactory: () => new StandardSchemaValidationPipe({ exceptionFactory: invalidIssues }) },
  { provide: APP_GUARD, useExisting: PermitGuard },
  { provide: APP_INTERCEPTOR, useClass: NoStore },
  Announcements,
  References,
  HostDiscovery,
  HostAdminService,
  PermitCheck,
  OpenApi,
]

// The platform's own routes know nothing of permissions; liveness and metrics guard themselves.
Public()(HealthController)

/** The control plane: people with JWTs in, the rooms' admin services behind. */
@Module({})
export class AdminModule {
  static register(config: ClusterConfig): DynamicModule {
    return {
      module: AdminModule,
      imports: [
        PlatformModule.register(config, 'tg_admin', ADMIN_TABLES),
        ThrottlerModule.forRootAsync({
          inject: [RedisThrottlerStorage],
          useFactory: (storage: RedisThrottlerStorage) => ({ storage, throttlers: [{ ttl: 60_000, limit: LOGINS_PER_MINUTE }], setHeaders: false }),
        }),
        PeopleModule,
        TenantAdminModule,
        TierAdminModule,
        CatalogAdminModule,
        FleetAdminModule,
        LimitsModule,
        ProvidersModule,
      ],
      controllers: CONTROLLERS,
      providers: PROVIDERS,
    }
  }
}
