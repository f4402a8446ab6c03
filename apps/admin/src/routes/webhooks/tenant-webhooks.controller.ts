import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common'
import { TenantAdminService } from '@tollgate/tenants'
import { Permit, type Principal } from '@tollgate/tenants/people'
import { pageReply } from '@tollgate/platform/json-schema'
import { idPageQuery } from '../../fields.schema'
import { Answers } from '../../openapi/answers'
import { SignedIn } from '../../signed-in'
import { createWebhookBody, deliveriesQuery, type CreateWebhookBody, type DeliveriesQuery } from './webhook.schema'
import { deliveryReply, madeWebhookReply, webhookReply } from './webhook.wire'
import { WebhookDesk } from './webhook-desk'

type Page = { limit: number; after?: string }

/** Webhooks of a tenant: its own events, to public https addresses. */
@Controller('admin/tenants/:tenant/webhooks')
export class TenantWebhooksController {
  constructor(
    private readonly tenants: TenantAdminService,
    private readonly desk: WebhookDesk,
  ) {}

  @Permit('webhooks:read')
  @Answers(pageReply(webhookReply))
  @Get()
  async list(@Param('tenant') slug: string, @Query({ schema: idPageQuery }) query: Page) {
    return this.desk.list(await this.tenants.get(slug), query)
  }

  /** The secret is shown this once; deliveries are signed with it. */
  @Permit('webhooks:write')
  @Answers(madeWebhookReply)
  @Post()
  async create(@SignedIn() who: Principal, @Param('tenant') slug: string, @Body({ schema: createWebhookBody }) body: CreateWebhookBody) {
    return this.desk.create(await this.tenants.get(slug), body, who.accountId)
  }

  @Permit('webhooks:read')
  @Answers(webhookReply)
  @Get(':webhook')
  async one(@Param('tenant') slug: string, @Param('webhook') id: string) {
    return this.desk.one(await this.tenants.get(slug), id)
  }

  @Permit('webhooks:write')
  @Delete(':webhook')
  @HttpCode(204)
  async remove(@Param('tenant') slug: string, @Param('webhook') id: string): Promise<void> {
    await this.desk.remove(await this.tenants.get(slug), id)
  }

  /** Queues an event `webhook.test`; its delivery tells what became of it. */
  @Permit('webhooks:write')
  @Answers(deliveryReply)
  @Post(':webhook/test')
  @HttpCode(202)
  async test(@Param('tenant') slug: string, @Param('webhook') id: string) {
    return this.desk.test(await this.tenants.get(slug), id)
  }

  /** Latest first; `state=dead` lists what was given up. */
  @Permit('webhooks:read')
  @Answers(pageReply(deliveryReply))
  @Get(':webhook/deliveries')
  async deliveries(@Param('tenant') slug: string, @Param('webhook') id: string, @Query({ schema: deliveriesQuery }) query: DeliveriesQuery) {
    return this.desk.deliveries(await this.tenants.get(slug), id, query)
  }

  /** Sends it again from the first attempt, under the same event id. */
  @Permit('webhooks:write')
  @Answers(deliveryReply)
  @Post(':webhook/deliveries/:delivery/redeliver')
  @HttpCode(202)
  async redeliver(@Param('tenant') slug: string, @Param('webhook') id: string, @Param('delivery') deliveryId: string) {
    return this.desk.redeliver(await this.tenants.get(slug), id, deliveryId)
  }
}
