import { Injectable } from '@nestjs/common'
import { storableText } from '@tollgate/kernel'
import { Database } from '@tollgate/platform/postgres'
import type { PromptFeatures } from '@tollgate/routing/rules'

/** What is kept of one request beside its usage: what was decided and why, and the measures of its prompt. */
export interface RequestTrace {
  readonly tenantId: string
  readonly rid: string
  readonly explanation: Readonly<Record<string, unknown>>
  readonly features: PromptFeatures | null
}

/** Days that a trace is kept. */
const KEPT_DAYS = 30
const MOST_A_RUN = 20_000

/** Traces in Postgres. */
@Injectable()
export class TraceStore {
  constructor(private readonly database: Database) {}

  /** All in one transaction, each tenant's inside its own context (role tg_app). A second trace of a request is dropped. */
  async append(traces: readonly RequestTrace[]): Promise<void> {
    const tenants = [...new Set(traces.map(({ tenantId }) => tenantId))].sort()
    await this.database.asPlatform(async (tx) => {
      for (const tenant of tenants) {
        const own = traces.filter(({ tenantId }) => tenantId === tenant).map(({ rid, explanation, features }) => ({ rid, explanation, features }))
        await tx.query(`SELECT set_config('app.tenant', $1, true)`, [tenant])
        await tx.query(
          `INSERT INTO request_trace (tenant_id, rid, explanation, features)
           SELECT $1, t.rid, t.explanation, nullif(t.features, 'null'::jsonb) FROM jsonb_to_recordset($2::jsonb) AS t(rid uuid, explanation jsonb, features jsonb) ON CONFLICT DO NOTHING`,
          [tenant, storableJson(own)],
        )
      }
    })
  }

  /** What was decided for a tenant's own request; null for another's as for none. */
  async find(tenantId: string, rid: string): Promise<Readonly<Record<string, unknown>> | null> {
    const [row] = await this.database.withTenant(tenantId, (tx) => tx.query<{ explanation: Record<string, unknown> }[]>('SELECT explanation FROM request_trace WHERE tenant_id = $1 AND rid = $2', [tenantId, rid]))
    return row?.explanation ?? null
  }

  /** Forgets what is older than 30 days; at most 20 000 rows a run, oldest first (role tg_worker). Several workers may run it. */
  async purge(): Promise<number> {
    const [, rows] = await this.database.query<unknown>(
      `DELETE FROM request_trace WHERE (tenant_id, rid) IN (SELECT tenant_id, rid FROM request_trace WHERE recorded_at < now() - make_interval(days => ${KEPT_DAYS}) ORDER BY recorded_at LIMIT ${MOST_A_RUN})`,
    )
    return Number(rows)
  }
}

/** What jsonb does not hold, as `JSON.stringify` writes it: NUL, and half a character where a text was cut. */
const UNSTORABLE = /\\u(?:0000|d[89a-f])/

/** Callers' words may hold what jsonb does not. Hardly any do, and reading every value costs as much as writing them all. */
function storableJson(value: unknown): string {
  const json = JSON.stringify(value)
  return UNSTORABLE.test(json) ? JSON.stringify(value, (_key, part: unknown) => (typeof part === 'string' ? storableText(part) : part)) : json
}
