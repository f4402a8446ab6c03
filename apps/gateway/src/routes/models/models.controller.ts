import { Controller, Get, Inject, Req, UseGuards } from '@nestjs/common'
import { AccessService } from '@tollgate/chat'
import type { Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { ApiKeyGuard } from '@tollgate/tenants'
import { ModelAccessGuard, NeedsScope } from '@tollgate/tiers'
import { CostReportService } from '@tollgate/usage/report'
import type { CallerRequest } from '../inference'
import { ModelFacts } from './model-facts'
import { modelEntry } from './models.wire'

/** `GET /models` (product.md 2.3): what this caller may use now, with prices and how it fared, and what it gets without naming one. */
@Controller()
@UseGuards(ApiKeyGuard, ModelAccessGuard)
export class ModelsController {
  constructor(
    private readonly access: AccessService,
    private readonly facts: ModelFacts,
    private readonly reports: CostReportService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @NeedsScope('models:read')
  @Get('models')
  async list(@Req() http: CallerRequest): Promise<unknown> {
    // Figures are an extra: without them the list is still right.
    const stats = await this.reports.modelStats(http.caller.tenant.id).catch(() => new Map())
    const models = await Promise.all(this.access.available(http.caller).map(async (model) => modelEntry(model, await this.facts.of(model, http.caller), stats.get(model.name))))
    const preset = await this.access.select(http.caller, { model: null, project: null })
    return { models, count: models.length, default_model: preset.kind === 'selected' ? preset.model.name : null, timestamp: new Date(this.clock.now()).toISOString() }
  }
}
