import { refuse, RefusalError } from '@tollgate/kernel'

/** An invoice that is asked for: a month of a tenant, local midnight to local midnight as instants. */
export interface WantedInvoice {
  readonly tenant: { readonly id: string; readonly slug: string; readonly name: string; readonly currency: string; readonly timeZone: string }
  /** `2026-11`. */
  readonly period: string
  readonly startsAt: string
  readonly endsAt: string
  /** Does not wait for what may still come: it then stands on the next invoice. */
  readonly isForced: boolean
  readonly issuedBy: string
}

/** A call's final count may be sent again for a day after it (metering.md), so a period rests a little longer than that. */
export const SETTLE_MS = 26 * 3_600_000

/** The month after one, as text. */
function nextPeriod(period: string): string {
  const [year, month] = period.split('-').map(Number) as [number, number]
  return month === 12 ? `${year + 1}-01` : `${year}-${String(month + 1).padStart(2, '0')}`
}

/** @throws RefusalError invoice_not_ready while the period runs, or rests and is not forced */
export function demandClosed({ period, endsAt, isForced }: WantedInvoice, nowMs: number): void {
  const endsAtMs = Date.parse(endsAt)
  if (nowMs < endsAtMs) throw notReady(period, `the period ends at ${endsAt}`)
  const readyAt = new Date(endsAtMs + SETTLE_MS)
  if (!isForced && nowMs < readyAt.getTime()) throw notReady(period, `late counts may come until ${readyAt.toISOString()}; with force it is issued now, and they stand on the next invoice`)
}

/**
 * Months are invoiced in order. One may be left out only when nothing was called in it; the month after the last
 * invoiced one begins where that ended, even if the tenant's time zone has changed since.
 * @param firstCall when the first call from an instant (null = ever) to the beginning of the period began
 * @throws RefusalError object_conflict, invoice_not_ready
 */
export async function demandOrder(wanted: WantedInvoice, previous: { period: string; endsAt: string } | null, firstCall: (from: string | null) => Promise<Date | null>): Promise<void> {
  const { period } = wanted
  if (previous && period <= previous.period) throw new RefusalError(refuse('object_conflict', { object: 'Invoice', name: period === previous.period ? period : `of a month after ${period}` }))
  if (previous && (wanted.endsAt <= previous.endsAt)) throw notReady(period, `the invoice of ${previous.period} goes up to ${previous.endsAt}`)
  if (previous && period === nextPeriod(previous.period)) return
  const call = await firstCall(previous?.endsAt ?? null)
  if (!call) return
  const missing = previous ? `the month ${nextPeriod(previous.period)}` : `the month of ${call.toISOString()}`
  throw notReady(period, `calls since ${call.toISOString()} are on no invoice. Issue ${missing} first`)
}

function notReady(period: string, reason: string): RefusalError {
  return new RefusalError(refuse('invoice_not_ready', { period, reason }))
}
