import { instantReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import { DELIVERY_STATES, EVENT_TYPES, type WebhookDelivery, type WebhookEndpoint } from '@tollgate/webhooks'

/** An endpoint as the wire has it: never its secret. */
export const webhookReply = z
  .strictObject({
    id: z.uuid(),
    url: z.string(),
    events: z.array(z.string().meta({ enum: EVENT_TYPES })).readonly(),
    created_by: z.uuid().meta({ description: 'Account' }),
    created_at: instantReply,
  })
  .meta({ id: 'Webhook' })

/** The only reply that ever holds the secret. */
export const madeWebhookReply = webhookReply.extend({ secret: z.string().meta({ description: 'Deliveries are signed with it; shown this once' }) }).meta({ id: 'WebhookWithSecret' })

export function webhookWire({ id, url, events, createdBy, createdAt }: WebhookEndpoint): z.output<typeof webhookReply> {
  return { id, url, events, created_by: createdBy, created_at: createdAt }
}

/** One event on its way to one endpoint, as the wire has it. */
export const deliveryReply = z
  .strictObject({
    id: z.uuid(),
    event_id: z.uuid(),
    type: z.string().meta({ enum: [...EVENT_TYPES, 'webhook.test'] }),
    state: z.enum(DELIVERY_STATES).meta({ description: 'dead: nobody took it for a day; it may be sent again by hand' }),
    attempts: z.int(),
    next_attempt_at: instantReply.nullable().meta({ description: 'null unless pending' }),
    last_status: z.int().nullable().meta({ description: 'HTTP status of the last attempt; null: none was answered' }),
    last_error: z.string().nullable(),
    created_at: instantReply,
    finished_at: instantReply.nullable().meta({ description: 'null while pending' }),
  })
  .meta({ id: 'WebhookDelivery' })

export function deliveryWire(delivery: WebhookDelivery): z.output<typeof deliveryReply> {
  return {
    id: delivery.id,
    event_id: delivery.eventId,
    type: delivery.type,
    state: delivery.state,
    attempts: delivery.attempts,
    next_attempt_at: delivery.state === 'pending' ? delivery.nextAt : null,
    last_status: delivery.lastStatus,
    last_error: delivery.lastError,
    created_at: delivery.createdAt,
    finished_at: delivery.finishedAt,
  }
}
