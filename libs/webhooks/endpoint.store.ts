import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'
import type { DeliveryPage, WebhookDelivery, WebhookEndpoint } from './domain/webhook'

/** A delivery to be made, for one endpoint. */
export interface NewDelivery {
  readonly id: string
  readonly eventId: string
  readonly type: string
  readonly body: string
  readonly at: Date
}

const ENDPOINT = 'id, tenant_id AS "tenantId", url, events, created_by AS "createdBy", created_at AS "createdAt"'
const DELIVERY = 'id, event_id AS "eventId", type, state, attempts, next_at AS "nextAt", last_status AS "lastStatus", last_error AS "lastError", created_at AS "createdAt", finished_at AS "finishedAt"'

/** Endpoints and their deliveries, for the control plane. `tenantId` null = the platform's; an owner never sees another's. */
@Injectable()
export class EndpointStore {
  constructor(private readonly database: Database) {}

  /** Answers false when the owner has `most` already. The lock makes an owner's insertions wait for each other. */
  async insert(tenantId: string | null, endpoint: WebhookEndpoint, secret: Buffer, most: number): Promise<boolean> {
    return this.database.asPlatform(async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`tollgate webhooks ${tenantId}`])
      const made = await tx.query<unknown[]>(
        `INSERT INTO webhook_endpoint (id, tenant_id, url, events, secret, created_by, created_at)
         SELECT $1, $2, $3, $4, $5, $6, $7 WHERE (SELECT count(*) FROM webhook_endpoint WHERE tenant_id IS NOT DISTINCT FROM $2::uuid) < $8 RETURNING id`,
        [endpoint.id, tenantId, endpoint.url, endpoint.events, secret, endpoint.createdBy, endpoint.createdAt, most],
      )
      return made.length > 0
    })
  }

  async find(tenantId: string | null, id: string): Promise<WebhookEndpoint | null> {
    const [row] = await this.database.query<WebhookEndpoint>(`SELECT ${ENDPOINT} FROM webhook_endpoint WHERE tenant_id IS NOT DISTINCT FROM $1::uuid AND id = $2`, [tenantId, id])
    return row ?? null
  }

  /** In order of creation, from after an id. */
  async list(tenantId: string | null, page: { after?: string; limit: number }): Promise<WebhookEndpoint[]> {
    return this.database.query(`SELECT ${ENDPOINT} FROM webhook_endpoint WHERE tenant_id IS NOT DISTINCT FROM $1::uuid AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3`, [tenantId, page.after ?? null, page.limit])
  }

  /** Its deliveries go with it. */
  async remove(tenantId: string | null, id: string): Promise<void> {
    await this.database.query('DELETE FROM webhook_endpoint WHERE tenant_id IS NOT DISTINCT FROM $1::uuid AND id = $2', [tenantId, id])
  }

  /** Index webhook_delivery_endpoint_idx. */
  async deliveries(endpointId: string, page: DeliveryPage): Promise<WebhookDelivery[]> {
    return this.database.query(`SELECT ${DELIVERY} FROM webhook_delivery WHERE endpoint_id = $1 AND ($2::uuid IS NULL OR id < $2) AND ($4::text IS NULL OR state = $4) ORDER BY id DESC LIMIT $3`, [endpointId, page.after ?? null, page.limit, page.state ?? null])
  }

  /** Queues one for this endpoint alone. Null when one of its type is on its way already. */
  async enqueue({ id: endpointId, tenantId }: WebhookEndpoint, delivery: NewDelivery): Promise<WebhookDelivery | null> {
    const [row] = await this.database.query<WebhookDelivery>(
      `INSERT INTO webhook_delivery (id, tenant_id, endpoint_id, event_id, type, body, next_at, created_at)
       SELECT $1, $2, $3, $4, $5, $6, $7, $7 WHERE NOT EXISTS (SELECT 1 FROM webhook_delivery WHERE endpoint_id = $3 AND type = $5 AND state = 'pending') RETURNING ${DELIVERY}`,
      [delivery.id, tenantId, endpointId, delivery.eventId, delivery.type, delivery.body, delivery.at],
    )
    return row ?? null
  }

  /** Starts a delivery again from its first attempt, whatever became of it. Null when there is none. */
  async restart(endpointId: string, id: string, at: Date): Promise<WebhookDelivery | null> {
    const [row] = await this.database.query<WebhookDelivery>(
      `WITH restarted AS (UPDATE webhook_delivery SET state = 'pending', attempts = 0, next_at = $3, finished_at = NULL WHERE endpoint_id = $1 AND id = $2 RETURNING *) SELECT ${DELIVERY} FROM restarted`,
      [endpointId, id, at],
    )
    return row ?? null
  }
}
