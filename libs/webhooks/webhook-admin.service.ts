import { Inject, Injectable } from '@nestjs/common'
import { refuse, RefusalError, type Clock, type Ids } from '@tollgate/kernel'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { SecretBox } from '@tollgate/platform/secrets'
import { urlProblem } from './address'
import { testBody, type EventType } from './domain/event'
import { SECRET_BYTES, secretOf } from './domain/signature'
import { secretContext, type DeliveryPage, type WebhookDelivery, type WebhookEndpoint } from './domain/webhook'
import { EndpointStore } from './endpoint.store'

/** More would let one tenant make every event of theirs an avalanche. */
const MOST_ENDPOINTS = 20

/** Whose endpoints: a tenant's, or with null the platform's. */
export type WebhookOwner = { readonly id: string; readonly slug: string } | null

/** An endpoint just made: the only moment its secret is shown. */
export interface MadeEndpoint {
  readonly endpoint: WebhookEndpoint
  readonly secret: string
}

/** Endpoints, for the control plane. What it queues is sent by the worker. */
@Injectable()
export class WebhookAdminService {
  constructor(
    private readonly store: EndpointStore,
    private readonly secrets: SecretBox,
    @Inject(CONFIG) private readonly config: ClusterConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /** @throws RefusalError invalid_request for an address that may not be called, object_in_use beyond 20 endpoints */
  async create(owner: WebhookOwner, wanted: { readonly url: string; readonly events: readonly EventType[]; readonly createdBy: string }): Promise<MadeEndpoint> {
    const problem = urlProblem(wanted.url, owner ? 'tenant' : 'platform', this.config)
    if (problem !== null) throw new RefusalError(refuse('invalid_request', { reason: `url ${problem}` }, { details: { errors: [{ path: 'url', message: problem }] } }))
    const tenantId = owner?.id ?? null
    const endpoint: WebhookEndpoint = { ...wanted, id: this.ids.uuid(), tenantId, createdAt: new Date(this.clock.now()) }
    const secret = secretOf(this.ids.bytes(SECRET_BYTES))
    const isMade = await this.store.insert(tenantId, endpoint, this.secrets.seal(secret, secretContext(endpoint.id, tenantId)), MOST_ENDPOINTS)
    if (!isMade) throw new RefusalError(refuse('object_in_use', { object: 'Webhooks', name: owner?.slug ?? 'platform', reason: `${MOST_ENDPOINTS} is the most there may be. Delete one first.` }))
    return { endpoint, secret }
  }

  /** @throws RefusalError object_not_found, also for another owner's */
  async get(owner: WebhookOwner, id: string): Promise<WebhookEndpoint> {
    const endpoint = await this.store.find(owner?.id ?? null, id)
    if (!endpoint) throw notFound('Webhook', id)
    return endpoint
  }

  async list(owner: WebhookOwner, page: { after?: string; limit: number }): Promise<WebhookEndpoint[]> {
    return this.store.list(owner?.id ?? null, page)
  }

  /** What is on its way to it is forgotten. */
  async remove(endpoint: WebhookEndpoint): Promise<void> {
    await this.store.remove(endpoint.tenantId, endpoint.id)
  }

  async deliveries(endpoint: WebhookEndpoint, page: DeliveryPage): Promise<WebhookDelivery[]> {
    return this.store.deliveries(endpoint.id, page)
  }

  /** Queues a test event. @throws RefusalError object_in_use while one is on its way */
  async test(owner: WebhookOwner, endpoint: WebhookEndpoint): Promise<WebhookDelivery> {
    const eventId = this.ids.uuid()
    const nowMs = this.clock.now()
    const delivery = await this.store.enqueue(endpoint, { id: this.ids.uuid(), eventId, type: 'webhook.test', body: testBody(eventId, nowMs, owner?.slug ?? null), at: new Date(nowMs) })
    if (!delivery) throw new RefusalError(refuse('object_in_use', { object: 'Webhook', name: endpoint.id, reason: 'a test is on its way to it.' }))
    return delivery
  }

  /** Sends a delivery again, from its first attempt, under the same event id. @throws RefusalError object_not_found */
  async redeliver(endpoint: WebhookEndpoint, deliveryId: string): Promise<WebhookDelivery> {
    const delivery = await this.store.restart(endpoint.id, deliveryId, new Date(this.clock.now()))
    if (!delivery) throw notFound('Delivery', deliveryId)
    return delivery
  }
}

function notFound(object: string, name: string): RefusalError {
  return new RefusalError(refuse('object_not_found', { object, name }))
}
