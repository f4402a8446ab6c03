import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'
import type { BudgetFact } from './domain/event'

/** An endpoint as the worker looks for listeners among them. */
export interface Listener {
  readonly id: string
  readonly tenantId: string | null
  readonly events: readonly string[]
}

/** A delivery whose turn it is, with all that sending it takes. */
export interface DueDelivery {
  readonly id: string
  readonly eventId: string
  readonly body: string
  /** This attempt's number, from 1. */
  readonly attempt: number
  readonly endpointId: string
  readonly tenantId: string | null
  readonly url: string
  readonly secret: Buffer
}

/** What an attempt came to; `retryAt` null with an error = given up. */
export interface AttemptResult {
  readonly status: number | null
  readonly error: string | null
  readonly retryAt: Date | null
}

/** Events and their deliveries, for the worker. */
@Injectable()
export class DeliveryStore {
  constructor(private readonly database: Database) {}

  /** All endpoints of all owners: there are few, and most installations have none. */
  async listeners(): Promise<Listener[]> {
    return this.database.query('SELECT id, tenant_id AS "tenantId", events FROM webhook_endpoint')
  }

  /** Notes an event and queues it for these endpoints. Answers false when it was told of before: by whichever worker came first. */
  async record(fact: BudgetFact, event: { readonly id: string; readonly body: string; readonly at: Date }, deliveries: readonly { readonly id: string; readonly endpointId: string }[]): Promise<boolean> {
    return this.database.asPlatform(async (tx) => {
      const made = await tx.query<unknown[]>('INSERT INTO webhook_event (tenant_id, type, scope, period, threshold_pico, id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING id', [
        fact.tenantId, fact.type, fact.scope, fact.period, fact.thresholdPico.toString(), event.id, event.at,
      ])
      if (made.length === 0) return false
      // Joined, because an endpoint may have been deleted since it was read.
      await tx.query(
        `INSERT INTO webhook_delivery (id, tenant_id, endpoint_id, event_id, type, body, next_at, created_at)
         SELECT d.id, e.tenant_id, e.id, $3, $4, $5, $6, $6 FROM unnest($1::uuid[], $2::uuid[]) AS d(id, endpoint_id) JOIN webhook_endpoint e ON e.id = d.endpoint_id`,
        [deliveries.map(({ id }) => id), deliveries.map(({ endpointId }) => endpointId), event.id, fact.type, event.body, event.at],
      )
      return true
    })
  }

  /**
   * Takes deliveries whose time has come, and keeps other workers from them until `leaseUntil`: then whoever took them is
   * dead. Index webhook_delivery_due_idx; rows that another worker is taking at this moment are skipped, not waited for.
   */
  async claim(now: Date, leaseUntil: Date, most: number): Promise<DueDelivery[]> {
    return this.database.query(
      `WITH due AS (SELECT id FROM webhook_delivery WHERE state = 'pending' AND next_at <= $1 ORDER BY next_at LIMIT $3 FOR UPDATE SKIP LOCKED),
       taken AS (UPDATE webhook_delivery d SET attempts = d.attempts + 1, next_at = $2 FROM due WHERE d.id = due.id RETURNING d.*)
       SELECT t.id, t.event_id AS "eventId", t.body, t.attempts AS attempt, t.endpoint_id AS "endpointId", e.tenant_id AS "tenantId", e.url, e.secret
       FROM taken t JOIN webhook_endpoint e ON e.id = t.endpoint_id`,
      [now, leaseUntil, most],
    )
  }

  /** Writes what an attempt came to, unless a later attempt or a restart has taken over. */
  async finish({ id, attempt }: Pick<DueDelivery, 'id' | 'attempt'>, { status, error, retryAt }: AttemptResult, now: Date): Promise<void> {
    const state = error === null ? 'delivered' : retryAt ? 'pending' : 'dead'
    await this.database.query(
      `UPDATE webhook_delivery SET state = $3, last_status = $4, last_error = $5, next_at = coalesce($6, next_at), finished_at = CASE WHEN $3 <> 'pending' THEN $7::timestamptz END
       WHERE id = $1 AND attempts = $2 AND state = 'pending'`,
      [id, attempt, state, status, error, retryAt, now],
    )
  }

  /** Forgets deliveries that were over before an instant. Events stay: they are what keeps them from being told again. */
  async purge(before: Date): Promise<void> {
    await this.database.query(`DELETE FROM webhook_delivery WHERE state <> 'pending' AND finished_at < $1`, [before])
  }
}
