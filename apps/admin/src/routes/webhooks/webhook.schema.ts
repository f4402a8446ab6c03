import { DELIVERY_STATES, EVENT_TYPES } from '@tollgate/webhooks'
import { z } from 'zod'
import { idPageQuery } from '../../fields.schema'

export const createWebhookBody = z
  .strictObject({
    url: z.string().min(1, 'must not be empty').max(2000).meta({ description: 'A tenant’s: a public https address. The platform’s: wherever hosts may be', example: 'https://example.com/hooks/tollgate' }),
    events: z
      .array(z.enum(EVENT_TYPES, `must be some of ${EVENT_TYPES.join(', ')}`))
      .min(1, 'must name at least one event')
      .transform((events) => [...new Set(events)]),
  })
  .meta({ id: 'NewWebhook' })

export type CreateWebhookBody = z.output<typeof createWebhookBody>

/** `state=dead` lists what nobody took for a day. */
export const deliveriesQuery = idPageQuery.extend({ state: z.enum(DELIVERY_STATES, `must be one of ${DELIVERY_STATES.join(', ')}`).optional() })

export type DeliveriesQuery = z.output<typeof deliveriesQuery>
