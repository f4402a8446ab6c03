import { Injectable } from '@nestjs/common'
import { storableText } from '@tollgate/kernel'
import { Database, type Tx } from '@tollgate/platform/postgres'
import type { UsageClaim } from './domain/claim'

/** A budget's sums after a commit; `budget` is `scope|period`. */
export interface CommittedSum {
  readonly tenantId: string
  readonly budget: string
  readonly spentPico: bigint
  readonly version: bigint
}

/** Claims into Postgres, through the one SQL function that does it (migrations/0005_settlement.sql). */
@Injectable()
export class ClaimStore {
  constructor(private readonly database: Database) {}

  /** All claims in one transaction, whatever their tenants: the worker's way (role tg_worker). */
  async commitBatch(claims: readonly UsageClaim[]): Promise<CommittedSum[]> {
    return this.database.asPlatform((tx) => apply(tx, claims))
  }

  /** All claims in one transaction, each tenant's inside its own context: the gateway's way (role tg_app). */
  async commitPerTenant(claims: readonly UsageClaim[]): Promise<CommittedSum[]> {
    const tenants = [...new Set(claims.map((claim) => claim.tenant_id))].sort()
    return this.database.asPlatform(async (tx) => {
      const sums: CommittedSum[] = []
      for (const tenant of tenants) {
        await tx.query(`SELECT set_config('app.tenant', $1, true)`, [tenant])
        sums.push(...(await apply(tx, claims.filter((claim) => claim.tenant_id === tenant))))
      }
      return sums
    })
  }

  /** Keeps a claim that cannot be applied, with the reason. */
  async quarantine(id: string, claim: string, reason: string): Promise<void> {
    await this.database.asPlatform((tx) => tx.query('INSERT INTO quarantine (id, claim, reason) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [id, storableText(claim).slice(0, 100_000), storableText(reason).slice(0, 1_000)]))
  }
}

/** A call whose final claim comes after a sweep's may have lost what was booked for its swept attempt: it is asked for again. */
const NOTE_GENERATIONS = `INSERT INTO generation AS g (tenant_id, day, rid, attempt, host, name)
  SELECT tenant_id, day, rid, attempt, host, name FROM jsonb_to_recordset($1::jsonb) AS n(tenant_id uuid, day date, rid uuid, attempt smallint, host text, name text)
  ORDER BY tenant_id, day, rid, attempt
  ON CONFLICT ON CONSTRAINT generation_pk DO UPDATE SET due_at = excluded.due_at, tries = 0 WHERE g.due_at IS NULL`

async function apply(tx: Tx, claims: readonly UsageClaim[]): Promise<CommittedSum[]> {
  const rows = await tx.query<{ tenant_id: string; scope: string; period: string; spent_pico: string; version: string }[]>(
    'SELECT tenant_id, scope, period, spent_pico::text, version::text FROM apply_claims($1::jsonb)',
    [JSON.stringify(claims)],
  )
  const generations = claims.flatMap(({ tenant_id, day, rid, provider_attempts }) => provider_attempts.flatMap(({ attempt, host, generation }) => (generation === undefined ? [] : [{ tenant_id, day, rid, attempt, host, name: generation }])))
  if (generations.length > 0) await tx.query(NOTE_GENERATIONS, [JSON.stringify(generations)])
  return rows.map((row) => ({ tenantId: row.tenant_id, budget: `${row.scope}|${row.period}`, spentPico: BigInt(row.spent_pico), version: BigInt(row.version) }))
}
