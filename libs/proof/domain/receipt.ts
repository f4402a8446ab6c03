import type { RequestRecord } from './request-record'

/** Media type in the header of a signed receipt. */
export const RECEIPT_TYPE = 'tollgate-receipt+jwt'

/**
 * Where one request was answered: what a tenant shows an auditor. Nothing in it is content or money. `model_digest` is
 * null where the provider's kind tells none (clouds); `attempts` are all hosts that were sent the request, in order.
 */
export interface Receipt {
  readonly request_id: string
  readonly tenant: { readonly id: string; readonly slug: string | null }
  readonly host: string
  readonly region: string
  readonly provider: string
  readonly model: string
  readonly model_digest: string | null
  readonly allowed_regions: readonly string[]
  readonly attempts: readonly { readonly host: string; readonly region: string; readonly provider: string }[]
  readonly status: string
  readonly started_at: string
  readonly recorded_at: string
}

/** The receipt of a record; null for a call that reached no host, or that was recorded before residency was. */
export function receiptOf(record: RequestRecord): Receipt | null {
  if (record.region === '' || record.allowed_regions === null) return null
  const { rid, tenant_id, tenant_slug, host, region, provider, model, model_digest, allowed_regions, status } = record
  return {
    request_id: rid,
    tenant: { id: tenant_id, slug: tenant_slug },
    ...{ host, region, provider, model, model_digest, allowed_regions },
    attempts: record.attempts.map((attempt) => ({ host: attempt.host, region: attempt.region, provider: attempt.provider })),
    status,
    started_at: record.started_at.toISOString(),
    recorded_at: record.recorded_at.toISOString(),
  }
}
