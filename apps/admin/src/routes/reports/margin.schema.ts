import { MARGIN_GROUPS, type MarginQuery } from '@tollgate/usage/margin'
import { z } from 'zod'
import { invalid } from '../../invalid'

const DAY_MS = 86_400_000
const MOST_DAYS = 400

const day = z.iso.date('must be a UTC day such as 2026-11-01')

/** Query of `GET /admin/reports/margin`: UTC days, `to` not included. */
export const marginQuery = z.strictObject({
  from: day.optional().meta({ description: 'First UTC day; by default the first of this month' }),
  to: day.optional().meta({ description: 'The day after the last; by default tomorrow' }),
  group_by: z
    .string()
    .transform((text) => [...new Set(text.split(',').map((part) => part.trim()).filter(Boolean))])
    .pipe(z.array(z.enum(MARGIN_GROUPS, `must be some of ${MARGIN_GROUPS.join(', ')}`)))
    .optional()
    .meta({ description: `Some of ${MARGIN_GROUPS.join(', ')}, with commas between` }),
})

export type MarginQueryString = z.output<typeof marginQuery>

/** The period asked for. @throws RefusalError invalid_request when it is empty, backwards or longer than 400 days */
export function marginPeriod(query: MarginQueryString, nowMs: number): MarginQuery {
  const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10)
  const fromDay = query.from ?? `${dayOf(nowMs).slice(0, 7)}-01`
  const toDay = query.to ?? dayOf(nowMs + DAY_MS)
  if (fromDay >= toDay) throw invalid({ path: 'to', message: 'must be after from' })
  if (Date.parse(toDay) - Date.parse(fromDay) > MOST_DAYS * DAY_MS) throw invalid({ path: 'from', message: `must be at most ${MOST_DAYS} days before to` })
  return { fromDay, toDay, groupBy: query.group_by ?? [] }
}
