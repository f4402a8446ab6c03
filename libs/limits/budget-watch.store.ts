import { Injectable } from '@nestjs/common'
import type { BudgetTerms } from '@tollgate/kernel'
import { Database } from '@tollgate/platform/postgres'
import { crossingsOf, type Crossing } from './domain/thresholds'

interface Row {
  readonly tenant_id: string
  readonly slug: string
  readonly currency: string
  readonly scope: string
  readonly period: string
  readonly ends_at_ms: string
  readonly spent: string
  readonly refused: string | null
  readonly tenant: Terms
  readonly tier: Terms | null
  readonly own: Terms | null
  readonly granted: string | null
  readonly last_grant: string | null
}

/** Terms as `json_build_object` gives them: money as text. */
interface Terms {
  readonly max: string | null
  readonly soft: string | null
  readonly duration: BudgetTerms['duration']
}

const TERMS = (alias: string) => `json_build_object('max', ${alias}.max_budget_pico::text, 'soft', ${alias}.soft_budget_pico::text, 'duration', ${alias}.budget_duration)`

/**
 * Which budgets have passed a threshold, from what Postgres has committed (worker only). The statement leaves out what
 * cannot have passed any; `crossingsOf` judges the rest by the very rules of admission. One scan of the open periods.
 */
@Injectable()
export class BudgetWatchStore {
  constructor(private readonly database: Database) {}

  /** @param tenantIds whose budgets are looked at; null = all */
  async crossings(tenantIds: readonly string[] | null): Promise<Crossing[]> {
    const rows = await this.database.query<Row>(
      `WITH tier_now AS (SELECT DISTINCT ON (slug) * FROM tier ORDER BY slug, version DESC)
       SELECT b.tenant_id, t.slug, t.currency, b.scope, b.period, (extract(epoch FROM b.ends_at) * 1000)::bigint::text AS ends_at_ms, b.spent_pico::text AS spent, b.refused_limit_pico::text AS refused,
         ${TERMS('t')} AS tenant, CASE WHEN r.slug IS NOT NULL THEN ${TERMS('r')} END AS tier, CASE WHEN p.id IS NOT NULL THEN ${TERMS('p')} WHEN k.id IS NOT NULL THEN ${TERMS('k')} END AS own,
         CASE WHEN t.billing = 'prepaid' THEN coalesce(g.granted, 0)::text END AS granted, g.last_grant::text AS last_grant
       FROM budget_period b
       JOIN tenant t ON t.id = b.tenant_id
       LEFT JOIN tier_now r ON r.slug = t.tier
       LEFT JOIN project p ON p.tenant_id = b.tenant_id AND b.scope = 'project:' || p.id
       LEFT JOIN api_key k ON k.tenant_id = b.tenant_id AND b.scope = 'key:' || k.id
       LEFT JOIN LATERAL (
         SELECT sum(c.amount_pico) AS granted, (array_agg(c.amount_pico ORDER BY c.id DESC) FILTER (WHERE c.amount_pico > 0))[1] AS last_grant FROM credit_grant c WHERE b.scope = 'credit' AND c.tenant_id = b.tenant_id) g ON true
       WHERE b.ends_at > now() AND ($1::uuid[] IS NULL OR b.tenant_id = ANY ($1))
         AND (b.scope = 'credit' OR b.refused_limit_pico IS NOT NULL OR b.spent_pico >= least(t.max_budget_pico, t.soft_budget_pico, r.max_budget_pico, r.soft_budget_pico, p.max_budget_pico, p.soft_budget_pico, k.max_budget_pico, k.soft_budget_pico))`,
      [tenantIds],
    )
    return rows.flatMap((row) =>
      crossingsOf({
        tenantId: row.tenant_id,
        tenantSlug: row.slug,
        currency: row.currency,
        scope: row.scope,
        period: row.period,
        endsAtMs: Number(row.ends_at_ms),
        spentPico: BigInt(row.spent),
        refusedLimitPico: picoOrNull(row.refused),
        tenant: termsOf(row.tenant),
        tier: termsOf(row.tier ?? NO_TERMS),
        own: row.own && termsOf(row.own),
        credit: row.granted === null ? null : { grantedPico: BigInt(row.granted), lastPico: picoOrNull(row.last_grant) },
      }),
    )
  }
}

/** A tenant whose tier is gone is served by none, so nothing of it can be passed. */
const NO_TERMS: Terms = { max: null, soft: null, duration: 'month' }

function termsOf({ max, soft, duration }: Terms): BudgetTerms {
  return { maxPico: picoOrNull(max), softPico: picoOrNull(soft), duration }
}

function picoOrNull(text: string | null): bigint | null {
  return text === null ? null : BigInt(text)
}
