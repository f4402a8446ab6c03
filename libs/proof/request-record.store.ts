import { Injectable } from '@nestjs/common'
import { Database, type Tx } from '@tollgate/platform/postgres'
import { daysOfRequest, type RequestRecord } from './domain/request-record'

/** Amounts as text, since JSON numbers are doubles. */
const PRICE = ['input', 'output', 'cached_input', 'cache_write', 'reasoning', 'per_request', 'gpu_second'].map((name) => `'${name}_pico', p.${name}_pico::text`).join(', ')

/** One may begin a little before the first, since they are let in side by side, and never later than a request may take in all. */
const CHILDREN = `SELECT json_agg(json_build_object('id', c.rid, 'model', c.model, 'status', c.status, 'cost_pico', c.amount_pico::text) ORDER BY c.started_at, c.rid) FROM usage c
  WHERE u.parent_rid = u.rid AND c.tenant_id = u.tenant_id AND c.parent_rid = u.rid
    AND c.day BETWEEN u.day - 1 AND u.day + 1 AND c.started_at BETWEEN u.started_at - interval '1 minute' AND u.started_at + interval '2 hours'`

const RECORD = `SELECT u.*, t.slug AS tenant_slug, t.currency,
    (SELECT coalesce(json_agg(json_build_object('attempt', a.attempt, 'host', a.host, 'provider', a.provider, 'region', a.region, 'model', a.model, 'outcome', a.outcome,
       'duration_ms', a.duration_ms, 'cost_pico', a.cost_pico::text) ORDER BY a.attempt), '[]') FROM provider_cost a WHERE a.day = u.day AND a.rid = u.rid) AS attempts,
    (SELECT coalesce(json_agg(json_build_object('rank', l.rank, 'delta_pico', l.delta_pico::text, 'recorded_at', to_char(l.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) ORDER BY l.rank), '[]')
     FROM ledger l WHERE l.day = u.day AND l.rid = u.rid) AS ledger,
    (SELECT to_jsonb(p) || jsonb_build_object(${PRICE}) FROM price p WHERE p.id = u.price_id) AS price,
    (${CHILDREN}) AS children
  FROM usage u LEFT JOIN tenant t ON t.id = u.tenant_id
  WHERE u.rid = $1 AND u.day = ANY ($2::date[])`

/** What is kept of single requests. A record is there once the settlement of its call is committed. */
@Injectable()
export class RequestRecordStore {
  constructor(private readonly database: Database) {}

  /** A tenant's own request; null for another's (row security) as for none. */
  async ofTenant(tenantId: string, rid: string): Promise<RequestRecord | null> {
    return this.database.withTenant(tenantId, (tx) => find(tx, rid))
  }

  /** Any request, for operators (role tg_admin). */
  async ofAnyone(rid: string): Promise<RequestRecord | null> {
    return this.database.asPlatform((tx) => find(tx, rid))
  }
}

/** The primary key (day, rid) finds it: three probes. */
async function find(tx: Tx, rid: string): Promise<RequestRecord | null> {
  const days = daysOfRequest(rid)
  if (days.length === 0) return null
  const [record] = await tx.query<RequestRecord[]>(RECORD, [rid, days])
  return record ?? null
}
