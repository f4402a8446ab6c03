import { Body, Controller, HttpCode, Post } from '@nestjs/common'
import { canonicalModel } from '@tollgate/kernel'
import { PRICE_CLASSES, SimulationService, type Scenario } from '@tollgate/proof'
import { TenantAdminService } from '@tollgate/tenants'
import { Permit } from '@tollgate/tenants/people'
import type { z } from 'zod'
import { Answers } from '../../openapi/answers'
import { periodMs } from './period.schema'
import { simulateBody, type SimulateBody } from './simulate.schema'
import { simulationReply, totalsWire } from './simulate.wire'

type Row = Scenario['prices'][number]

/** Prices a past period under another price book; nothing is changed. */
@Controller('admin/proof/simulate')
export class SimulateController {
  constructor(
    private readonly simulation: SimulationService,
    private readonly tenants: TenantAdminService,
  ) {}

  @Permit('prices:simulate')
  @Answers(simulationReply)
  @Post()
  @HttpCode(200)
  async simulate(@Body({ schema: simulateBody }) body: SimulateBody): Promise<z.output<typeof simulationReply>> {
    const period = periodMs(body)
    const ids = await this.idsOf(body)
    const tenantId = body.tenant ? ids.get(body.tenant)! : null
    const totals = await this.simulation.simulate({ ...period, tenantId }, scenarioOf(body, ids))
    return { from: body.from.toISOString(), to: body.to.toISOString(), tenant: body.tenant ?? null, ...totalsWire(totals) }
  }

  private async idsOf({ tenant, prices, changes }: SimulateBody): Promise<Map<string, string>> {
    const slugs = new Set([tenant, ...prices.map((price) => price.tenant), ...changes.map((change) => change.tenant)])
    const ids = new Map<string, string>()
    for (const slug of slugs) if (slug) ids.set(slug, (await this.tenants.get(slug)).id)
    return ids
  }
}

function scenarioOf(body: SimulateBody, ids: ReadonlyMap<string, string>): Scenario {
  return {
    isWholeBook: body.replace,
    prices: body.prices.map((price, i): Row => ({
      id: `proposed-${String(i).padStart(4, '0')}`,
      book: price.book,
      model: canonicalModel(price.model),
      provider: price.provider ?? null,
      region: price.region ?? null,
      tier: price.tier ?? null,
      tenantId: price.tenant ? ids.get(price.tenant)! : null,
      effectiveAtMs: price.effective_at?.getTime() ?? 0,
      createdAtMs: i,
      currency: price.currency,
      inputPico: price.input_per_million,
      outputPico: price.output_per_million,
      cachedInputPico: price.cached_input_per_million ?? null,
      cacheWritePico: price.cache_write_per_million ?? null,
      reasoningPico: price.reasoning_per_million ?? null,
      perRequestPico: price.per_request ?? 0n,
      gpuSecondPico: price.gpu_second ?? null,
      isFree: price.free ?? false,
      source: price.source,
    })),
    changes: body.changes.map(({ model, provider, region, tenant, classes, percent }) => ({
      model: model ?? null,
      provider: provider ?? null,
      region: region ?? null,
      tenantId: tenant ? ids.get(tenant)! : null,
      classes: new Set(classes ?? PRICE_CLASSES),
      percentMillionths: percent,
    })),
  }
}
