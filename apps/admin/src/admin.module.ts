import { Module, StandardSchemaValidationPipe, type DynamicModule, type Provider, type Type } from '@nestjs/common'
import { APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core'
import { ThrottlerModule } from '@nestjs/throttler'
import { CATALOG_TABLES, CatalogAdminModule } from '@tollgate/catalog'
import { CreditModule } from '@tollgate/credit'
import { FleetAdminModule, HOST_TABLES } from '@tollgate/hosts'
import { MutationKeysModule } from '@tollgate/idempotency'
import { InvoicesModule } from '@tollgate/invoices'
import { LimitsModule } from '@tollgate/limits'
import type { ClusterConfig } from '@tollgate/platform/config'
import { HealthController } from '@tollgate/platform/http'
import { PlatformModule } from '@tollgate/platform/process'
import { RedisThrottlerStorage } from '@tollgate/platform/throttle'
import { ProofModule } from '@tollgate/proof'
import { ProvidersModule } from '@tollgate/providers'
import { RolloutAdminModule } from '@tollgate/rollouts'
import { SelectionAdminModule } from '@tollgate/selection'
import { TENANT_TABLES, TenantAdminModule } from '@tollgate/tenants'
import { PeopleModule, PermitGuard, Public } from '@tollgate/tenants/people'
import { TIER_TABLES, TierAdminModule } from '@tollgate/tiers'
import { MarginModule } from '@tollgate/usage/margin'
import { ReportModule } from '@tollgate/usage/report'
import { WebhookAdminModule } from '@tollgate/webhooks'
import { Announcements } from './announcements'
import { HostAdminService } from './host-admin.service'
import { HostDiscovery } from './host-discovery'
import { invalidIssues } from './invalid'
import { KeyedMutations } from './keyed-mutations'
import { ModelCopies } from './model-copies'
import { ModelRollouts } from './model-rollouts'
import { ModelVersions } from './model-versions'
import { NoStore } from './no-store'
import { OpenApi } from './openapi/open-api'
import { OpenApiController } from './openapi/open-api.controller'
import { PermitCheck } from './permit-check'
import { References } from './references'
import { AuthController } from './routes/auth/auth.controller'
import { LOGINS_PER_MINUTE } from './routes/auth/login-throttle.guard'
import { AliasDesk } from './routes/catalog/alias-desk'
import { AliasesController } from './routes/catalog/aliases.controller'
import { ModelVersionsController } from './routes/catalog/model-versions.controller'
import { ModelsController } from './routes/catalog/models.controller'
import { HostJobsController } from './routes/rollouts/host-jobs.controller'
import { ModelCopiesController } from './routes/rollouts/model-copies.controller'
import { ModelJobsController } from './routes/rollouts/model-jobs.controller'
import { PricesController } from './routes/catalog/prices.controller'
import { TenantAliasesController } from './routes/catalog/tenant-aliases.controller'
import { CreditController } from './routes/credit/credit.controller'
import { HostViews } from './routes/hosts/host-views'
import { HostsController } from './routes/hosts/hosts.controller'
import { RegionsController } from './routes/hosts/regions.controller'
import { InvoiceViews } from './routes/invoices/invoice-views'
import { InvoicesController } from './routes/invoices/invoices.controller'
import { TenantInvoicesController } from './routes/invoices/tenant-invoices.controller'
import { MembersController } from './routes/people/members.controller'
import { StaffController } from './routes/people/staff.controller'
import { PromptsController } from './routes/prompts/prompts.controller'
import { HostPlan } from './config/host-plan'
import { ModelPlan } from './config/model-plan'
import { OperatorConfig } from './config/operator-config'
import { PricePlan } from './config/price-plan'
import { RightsPlan } from './config/rights-plan'
import { TenantPlan } from './config/tenant-plan'
import { ConfigController } from './routes/config/config.controller'
import { ReconcileController } from './routes/proof/reconcile.controller'
import { RequestsController } from './routes/proof/requests.controller'
import { SimulateController } from './routes/proof/simulate.controller'
import { VerifyController } from './routes/proof/verify.controller'
import { BacktestController } from './routes/rule-sets/backtest.controller'
import { BacktestDesk } from './routes/rule-sets/backtest-desk'
import { BacktestModels } from './routes/rule-sets/backtest-models'
import { RuleSetDesk } from './routes/rule-sets/rule-set-desk'
import { RuleSetsController } from './routes/rule-sets/rule-sets.controller'
import { TenantRuleSetsController } from './routes/rule-sets/tenant-rule-sets.controller'
import { CostController } from './routes/reports/cost.controller'
import { MarginController } from './routes/reports/margin.controller'
import { KeysController } from './routes/tenants/keys.controller'
import { ProjectsController } from './routes/tenants/projects.controller'
import { TenantsController } from './routes/tenants/tenants.controller'
import { TiersController } from './routes/tiers/tiers.controller'
import { PlatformWebhooksController } from './routes/webhooks/platform-webhooks.controller'
import { TenantWebhooksController } from './routes/webhooks/tenant-webhooks.controller'
import { WebhookDesk } from './routes/webhooks/webhook-desk'
import { StorableText } from './storable-text'

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
  ModelJobsController,
  ModelCopiesController,
  HostJobsController,
  ModelVersionsController,
  ModelsController,
  AliasesController,
  BacktestController,
  RuleSetsController,
  TenantRuleSetsController,
  PricesController,
  PromptsController,
  HostsController,
  RegionsController,
  CostController,
  MarginController,
  CreditController,
  TenantWebhooksController,
  PlatformWebhooksController,
  InvoicesController,
  TenantInvoicesController,
  ReconcileController,
  RequestsController,
  SimulateController,
  VerifyController,
  ConfigController,
  OpenApiController,
  HealthController,
]

const PROVIDERS: Provider[] = [
  { provide: APP_PIPE, useClass: StorableText },
  { provide: APP_PIPE, useFactory: () => new StandardSchemaValidationPipe({ exceptionFactory: invalidIssues }) },
  { provide: APP_GUARD, useExisting: PermitGuard },
  { provide: APP_INTERCEPTOR, useClass: NoStore },
  { provide: APP_INTERCEPTOR, useClass: KeyedMutations },
  Announcements,
  References,
  HostDiscovery,
  HostAdminService,
  HostViews,
  ModelCopies,
  ModelRollouts,
  ModelVersions,
  AliasDesk,
  RuleSetDesk,
  BacktestModels,
  BacktestDesk,
  InvoiceViews,
  WebhookDesk,
  ModelPlan,
  HostPlan,
  RightsPlan,
  PricePlan,
  TenantPlan,
  OperatorConfig,
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
        RolloutAdminModule,
        ProofModule,
        SelectionAdminModule,
        MarginModule,
        ReportModule,
        CreditModule,
        WebhookAdminModule,
        InvoicesModule,
        MutationKeysModule,
      ],
      controllers: CONTROLLERS,
      providers: PROVIDERS,
    }
  }
}
