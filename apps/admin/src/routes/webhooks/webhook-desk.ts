import { Injectable } from '@nestjs/common'
import { isUuid, refuse, RefusalError } from '@tollgate/kernel'
import { WebhookAdminService, type WebhookEndpoint, type WebhookOwner } from '@tollgate/webhooks'
import type { z } from 'zod'
import { pageOf } from '../../paging'
import type { CreateWebhookBody, DeliveriesQuery } from './webhook.schema'
import { deliveryWire, webhookWire, type madeWebhookReply } from './webhook.wire'

/** What the routes of a tenant's and of the platform's webhooks share: all but whose they are. */
@Injectable()
export class WebhookDesk {
  constructor(private readonly webhooks: WebhookAdminService) {}

  async list(owner: WebhookOwner, query: { limit: number; after?: string }) {
    return pageOf(query, (page) => this.webhooks.list(owner, page), (endpoint) => endpoint.id, webhookWire)
  }

  /** The only reply that ever holds the secret. */
  async create(owner: WebhookOwner, body: CreateWebhookBody, createdBy: string): Promise<z.output<typeof madeWebhookReply>> {
    const { endpoint, secret } = await this.webhooks.create(owner, { ...body, createdBy })
    return { ...webhookWire(endpoint), secret }
  }

  async one(owner: WebhookOwner, id: string) {
    return webhookWire(await this.find(owner, id))
  }

  async remove(owner: WebhookOwner, id: string): Promise<void> {
    await this.webhooks.remove(await this.find(owner, id))
  }

  async test(owner: WebhookOwner, id: string) {
    return deliveryWire(await this.webhooks.test(owner, await this.find(owner, id)))
  }

  async deliveries(owner: WebhookOwner, id: string, { state, ...query }: DeliveriesQuery) {
    const endpoint = await this.find(owner, id)
    return pageOf(query, (page) => this.webhooks.deliveries(endpoint, { ...page, ...(state ? { state } : {}) }), (delivery) => delivery.id, deliveryWire)
  }

  async redeliver(owner: WebhookOwner, id: string, deliveryId: string) {
    const endpoint = await this.find(owner, id)
    if (!isUuid(deliveryId)) throw absent('Delivery', deliveryId)
    return deliveryWire(await this.webhooks.redeliver(endpoint, deliveryId))
  }

  private async find(owner: WebhookOwner, id: string): Promise<WebhookEndpoint> {
    if (!isUuid(id)) throw absent('Webhook', id)
    return this.webhooks.get(owner, id)
  }
}

function absent(object: string, name: string): RefusalError {
  return new RefusalError(refuse('object_not_found', { object, name }))
}
