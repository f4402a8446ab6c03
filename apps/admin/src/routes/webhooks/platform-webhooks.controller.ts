import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common'
import { Permit, type Principal } from '@tollgate/tenants/people'
import { pageReply } from '@tollgate/platform/json-schema'
import { idPageQuery } from '../../fields.schema'
import { Answers } from '../../openapi/answers'
import { SignedIn } from '../../signed-in'
import { createWebhookBody, deliveriesQuery, type CreateWebhookBody, type DeliveriesQuery } from './webhook.schema'
import { deliveryReply, madeWebhookReply, webhookReply } from './webhook.wire'
import { WebhookDesk } from './webhook-desk'

type Page = { limit: number; after?: string }

/** Webhooks of the platform: events of all tenants, to wherever the operator's hosts may be. */
@Controller('admin/webhooks')
export class PlatformWebhooksController {
  constructor(private readonly desk: WebhookDesk) {}

  @Permit('platform-webhooks:read')
  @Answers(pageReply(webhookReply))
  @Get()
  async list(@Query({ schema: idPageQuery }) query: Page) {
    return this.desk.list(null, query)
  }

  /** The secret is shown this once; deliveries are signed with it. */
  @Permit('platform-webhooks:write')
  @Answers(madeWebhookReply)
  @Post()
  async create(@SignedIn() who: Principal, @Body({ schema: createWebhookBody }) body: CreateWebhookBody) {
    return this.desk.create(null, body, who.accountId)
  }

  @Permit('platform-webhooks:read')
  @Answers(webhookReply)
  @Get(':webhook')
  async one(@Param('webhook') id: string) {
    return this.desk.one(null, id)
  }

  @Permit('platform-webhooks:write')
  @Delete(':webhook')
  @HttpCode(204)
  async remove(@Param('webhook') id: string): Promise<void> {
    await this.desk.remove(null, id)
  }

  /** Queues an event `webhook.test`; its delivery tells what became of it. */
  @Permit('platform-webhooks:write')
  @Answers(deliveryReply)
  @Post(':webhook/test')
  @HttpCode(202)
  async test(@Param('webhook') id: string) {
    return this.desk.test(null, id)
  }

  /** Latest first; `state=dead` lists what was given up. */
  @Permit('platform-webhooks:read')
  @Answers(pageReply(deliveryReply))
  @Get(':webhook/deliveries')
  async deliveries(@Param('webhook') id: string, @Query({ schema: deliveriesQuery }) query: DeliveriesQuery) {
    return this.desk.deliveries(null, id, query)
  }

  /** Sends it again from the first attempt, under the same event id. */
  @Permit('platform-webhooks:write')
  @Answers(deliveryReply)
  @Post(':webhook/deliveries/:delivery/redeliver')
  @HttpCode(202)
  async redeliver(@Param('webhook') id: string, @Param('delivery') deliveryId: string) {
    return this.desk.redeliver(null, id, deliveryId)
  }
}
