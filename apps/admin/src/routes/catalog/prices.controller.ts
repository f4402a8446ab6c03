import { Body, Controller, Get, Post, Query } from '@nestjs/common'
import { PriceAdminService } from '@tollgate/catalog'
import { canonicalModel } from '@tollgate/kernel'
import { ProvidersService } from '@tollgate/providers'
import { TenantAdminService } from '@tollgate/tenants'
import { Permit } from '@tollgate/tenants/people'
import { pageReply } from '@tollgate/platform/json-schema'
import { invalid } from '../../invalid'
import { Answers } from '../../openapi/answers'
import { pageOf } from '../../paging'
import { References } from '../../references'
import { priceBody, priceQuery, type PriceBody, type PriceQuery } from './price.schema'
import { priceFields, priceReply, priceWire } from './price.wire'

/** Dated prices, in two books. A row is superseded by a later one; nothing edits or deletes it. */
@Controller('admin/prices')
export class PricesController {
  constructor(
    private readonly prices: PriceAdminService,
    private readonly tenants: TenantAdminService,
    private readonly references: References,
    private readonly providers: ProvidersService,
  ) {}

  @Permit('prices:read')
  @Answers(pageReply(priceReply))
  @Get()
  async list(@Query({ schema: priceQuery }) query: PriceQuery) {
    const tenantId = query.tenant ? (await this.tenants.get(query.tenant)).id : undefined
    const model = query.model ? canonicalModel(query.model) : undefined
    return pageOf(query, ({ after, limit }) => this.prices.list({ after, limit, book: query.book, model, tenantId }), (price) => price.id, priceWire)
  }

  @Permit('prices:write')
  @Answers(priceReply)
  @Post()
  async add(@Body({ schema: priceBody }) body: PriceBody) {
    const tenant = body.tenant ? await this.tenants.get(body.tenant) : null
    if (tenant && tenant.currency !== body.currency) throw invalid({ path: 'currency', message: `must be the tenant's, ${tenant.currency}` })
    if (body.provider && !this.providers.known.has(body.provider)) throw invalid({ path: 'provider', message: 'is not a provider' })
    await this.references.demand({ tier: body.tier, regions: [{ path: 'region', slugs: body.region ? [body.region] : [] }] })
    return priceWire(await this.prices.add({ ...priceFields(body), model: body.model, inputPico: body.input_per_million, outputPico: body.output_per_million, source: body.source, tenantId: tenant?.id ?? null }))
  }
}
