import { Controller, Get, HttpCode, Inject, Param, Post, Req, UseGuards } from '@nestjs/common'
import { refuse, RefusalError, type Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { ApiKeyGuard } from '@tollgate/tenants'
import { ModelAccessGuard, NeedsScope } from '@tollgate/tiers'
import type { CallerRequest } from '../caller-request'
import { ProviderViews } from './provider-views'
import { providerEntry } from './providers.wire'

/** `/v1/providers`: how the hosts in the caller's regions fare, and what they hold of the models it may use. */
@Controller()
@UseGuards(ApiKeyGuard, ModelAccessGuard)
export class ProvidersController {
  constructor(
    private readonly views: ProviderViews,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @NeedsScope('models:read')
  @Get('v1/providers')
  list(@Req() http: CallerRequest): unknown {
    const data = [...this.views.of(http.caller)].map(([provider, hosts]) => providerEntry(provider, hosts))
    return { data, has_more: false, next: null, timestamp: new Date(this.clock.now()) }
  }

  @NeedsScope('models:read')
  @Get('v1/providers/:provider/models')
  models(@Req() http: CallerRequest, @Param('provider') provider: string): unknown {
    const hosts = this.views.of(http.caller).get(provider)
    if (!hosts) throw new RefusalError(refuse('object_not_found', { object: 'Provider', name: provider.slice(0, 100) }))
    const names = [...new Set(hosts.flatMap(({ models }) => models))].sort()
    const data = names.map((name) => {
      const holders = hosts.filter(({ models }) => models.includes(name))
      return { name, provider, regions: [...new Set(holders.map(({ host }) => host.region))].sort(), hosts: holders.map(({ host, status }) => ({ name: host.name, region: host.region, status })) }
    })
    return { data, has_more: false, next: null }
  }

  /** Asks the hosts, a few at a time and none that was asked just now, and answers like the list. */
  @NeedsScope('models:read')
  @Post('v1/providers/health-check')
  @HttpCode(200)
  async check(@Req() http: CallerRequest): Promise<unknown> {
    await this.views.check(http.caller, this.clock.now())
    return this.list(http)
  }
}
