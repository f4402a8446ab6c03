import { Inject, Injectable } from '@nestjs/common'
import type { Clock, Ids } from '@tollgate/kernel'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import { SecretBox } from '@tollgate/platform/secrets'
import { DeliveryStore, type DueDelivery, type Listener } from './delivery.store'
import { factBody, type BudgetFact } from './domain/event'
import { pauseMs } from './domain/retry'
import { signedHeaders } from './domain/signature'
import { secretContext } from './domain/webhook'
import { post, type PostAnswer } from './post-exchange'
import { WebhookPools } from './webhook-pools'

/** How long a receiver may take. */
const ATTEMPT_MS = 10_000
/** Longer than any attempt: after it the worker that took a delivery is dead, and another one tries. */
const LEASE_MS = 60_000
const MOST_AT_ONCE = 32
const KEPT_MS = 30 * 86_400_000
const MOST_TOLD = 100_000

/** A delivery that was given up: for the operator's log, so without address and body. */
export interface DeadDelivery {
  readonly deliveryId: string
  readonly endpointId: string
  /** Null = an endpoint of the platform. */
  readonly tenantId: string | null
  readonly error: string
}

/** What one round of sending came to. */
export interface DeliveryRound {
  readonly attempts: number
  readonly dead: readonly DeadDelivery[]
}

/** Tells endpoints what happened, until they have heard it or do not answer for a day (README.md). Any number of workers may run. */
@Injectable()
export class WebhookDeliveryService {
  /** What this worker knows to be told of already; Postgres knows it for all of them. */
  private readonly told = new Set<string>()

  constructor(
    private readonly store: DeliveryStore,
    private readonly pools: WebhookPools,
    private readonly secrets: SecretBox,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /** Who listens; facts of nobody else need be looked for. */
  async listeners(): Promise<Listener[]> {
    return this.store.listeners()
  }

  /**
   * Queues facts that were not told of yet, each for every endpoint that asks for its kind. A fact that nobody listens for
   * is left: it is told when somebody does, if it still holds then.
   */
  async tell(facts: readonly BudgetFact[], listeners: readonly Listener[]): Promise<number> {
    let news = 0
    for (const fact of facts) {
      const name = `${fact.tenantId} ${fact.type} ${fact.scope} ${fact.period} ${fact.thresholdPico}`
      if (this.told.has(name)) continue
      const endpoints = listeners.filter(({ tenantId, events }) => (tenantId === null || tenantId === fact.tenantId) && events.includes(fact.type))
      if (endpoints.length === 0) continue
      const [id, nowMs] = [this.ids.uuid(), this.clock.now()]
      const isNew = await this.store.record(fact, { id, body: factBody(id, nowMs, fact), at: new Date(nowMs) }, endpoints.map((endpoint) => ({ id: this.ids.uuid(), endpointId: endpoint.id })))
      if (this.told.size >= MOST_TOLD) this.told.clear()
      this.told.add(name)
      if (isNew) news++
    }
    return news
  }

  /** Sends everything whose time has come. @throws when Postgres is away: what was taken comes again after its lease */
  async deliverDue(): Promise<DeliveryRound> {
    let attempts = 0
    const dead: DeadDelivery[] = []
    for (;;) {
      const nowMs = this.clock.now()
      const due = await this.store.claim(new Date(nowMs), new Date(nowMs + LEASE_MS), MOST_AT_ONCE)
      const ends = await Promise.all(due.map((delivery) => this.attempt(delivery)))
      dead.push(...ends.filter((end) => end !== null))
      attempts += due.length
      if (due.length < MOST_AT_ONCE) return { attempts, dead }
    }
  }

  /** Forgets deliveries that were over a month ago. */
  async purge(): Promise<void> {
    await this.store.purge(new Date(this.clock.now() - KEPT_MS))
  }

  private async attempt(delivery: DueDelivery): Promise<DeadDelivery | null> {
    const { status, error } = await this.send(delivery)
    const failure = error ?? (status !== null && status >= 200 && status < 300 ? null : `http ${status}`)
    const nowMs = this.clock.now()
    const pause = failure === null ? null : pauseMs(delivery.attempt, this.ids.bytes(1)[0]!)
    await this.store.finish(delivery, { status, error: failure, retryAt: pause === null ? null : new Date(nowMs + pause) }, new Date(nowMs))
    return failure === null || pause !== null ? null : { deliveryId: delivery.id, endpointId: delivery.endpointId, tenantId: delivery.tenantId, error: failure }
  }

  private async send({ endpointId, tenantId, eventId, url, body, secret: sealed }: DueDelivery): Promise<PostAnswer> {
    let secret: string
    try {
      secret = this.secrets.open(sealed, secretContext(endpointId, tenantId))
    } catch {
      return { status: null, error: 'the secret cannot be read: TOLLGATE_SECRETS_KEY is another than it was made with' }
    }
    const pools = this.pools.of(tenantId)
    const answer = await post(pools, { endpointId, url, headers: signedHeaders(secret, eventId, this.clock.now(), body), body, timeoutMs: ATTEMPT_MS })
    // Deliveries are rare: a connection that waits for the next would only be one more.
    void pools.closeHost(endpointId).catch(() => undefined)
    return answer
  }
}
