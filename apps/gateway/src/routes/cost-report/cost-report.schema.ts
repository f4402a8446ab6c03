import { GROUPS, type ReportQuery } from '@tollgate/usage'
import { z } from 'zod'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const MOST_DAYS = 400

const instant = z.string().refine((text) => !Number.isNaN(Date.parse(text)), 'must be a date (2026-11-01) or a time (2026-11-01T10:00:00Z)')

/** Query of `GET /cost-report` (product.md 2.4). */
export const costReportSchema = z.strictObject({
  from: instant.optional(),
  to: instant.optional(),
  group_by: z
    .string()
    .transform((text) => text.split(',').map((part) => part.trim()).filter(Boolean))
    .pipe(z.array(z.enum(GROUPS, `must be some of ${GROUPS.join(', ')}`)).max(4))
    .optional(),
  format: z.enum(['json', 'csv']).default('json'),
})

/** The period asked for, widened to whole hours; by default the calendar month so far, in UTC. */
export function reportQuery(query: z.infer<typeof costReportSchema>, nowMs: number): ReportQuery | { problem: string } {
  const now = new Date(nowMs)
  const fromMs = floorHour(query.from ? Date.parse(query.from) : Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1))
  const toMs = query.to ? Math.ceil(Date.parse(query.to) / HOUR_MS) * HOUR_MS : floorHour(nowMs + HOUR_MS)
  if (fromMs >= toMs) return { problem: 'from must be before to' }
  if (toMs - fromMs > MOST_DAYS * DAY_MS) return { problem: `a report covers at most ${MOST_DAYS} days` }
  const groupBy = [...new Set(query.group_by ?? [])]
  return { fromMs, toMs, groupBy }
}

function floorHour(ms: number): number {
  return Math.floor(ms / HOUR_MS) * HOUR_MS
}
