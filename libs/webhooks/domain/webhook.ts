/** Where events go. `tenantId` null = the platform's own, which hears of all tenants. Its secret is never read back. */
export interface WebhookEndpoint {
  readonly id: string
  readonly tenantId: string | null
  readonly url: string
  readonly events: readonly string[]
  readonly createdBy: string
  readonly createdAt: Date
}

/** Where a delivery stands. `dead`: nobody took it for a day; it waits for somebody to send it again. */
export const DELIVERY_STATES = ['pending', 'delivered', 'dead'] as const

/** One of them. */
export type DeliveryState = (typeof DELIVERY_STATES)[number]

/** Deliveries latest first, from before an id; of one state when it is given. */
export interface DeliveryPage {
  readonly after?: string
  readonly limit: number
  readonly state?: DeliveryState
}

/** One event on its way to one endpoint. */
export interface WebhookDelivery {
  readonly id: string
  readonly eventId: string
  readonly type: string
  readonly state: DeliveryState
  readonly attempts: number
  /** When it is tried next, or taken over from a worker that died; without meaning once it is over. */
  readonly nextAt: Date
  readonly lastStatus: number | null
  /** Why the last attempt failed, without addresses or a receiver's own words. */
  readonly lastError: string | null
  readonly createdAt: Date
  readonly finishedAt: Date | null
}

/** What binds a sealed secret to its endpoint: a row copied elsewhere does not open. */
export function secretContext(endpointId: string, tenantId: string | null): string {
  return `webhook|${tenantId ?? 'platform'}|${endpointId}`
}
