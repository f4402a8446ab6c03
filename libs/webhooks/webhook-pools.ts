import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { OutboundPools } from '@tollgate/platform/outbound'
import { policyFor } from './address'

/** Connections to endpoints, apart for tenants and platform: they may go to different addresses. */
@Injectable()
export class WebhookPools implements OnApplicationShutdown {
  private readonly tenants: OutboundPools
  private readonly platform: OutboundPools

  constructor(@Inject(CONFIG) config: ClusterConfig) {
    this.tenants = new OutboundPools(policyFor('tenant', config))
    this.platform = new OutboundPools(policyFor('platform', config))
  }

  /** @param tenantId the endpoint's; null = the platform's */
  of(tenantId: string | null): OutboundPools {
    return tenantId === null ? this.platform : this.tenants
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.tenants.closeAll(), this.platform.closeAll()])
  }
}
