import { periodAt } from '@tollgate/limits'
import type { Tenant } from '@tollgate/tenants/domain'
import { PLATFORM_GROUPS, reportPeriod, type Calendar, type ReportQuery } from '@tollgate/usage/report'
import { z } from 'zod'
import { slug } from '../../fields.schema'
import { invalid } from '../../invalid'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

/** Query of `GET /admin/reports/cost`: days of the tenant's own zone, over all tenants of UTC; `to` is not included. */
export const costQuery = z
  .strictObject({
    tenant: slug.optional().meta({ description: 'By default all tenants' }),
    from: z.string().max(40).optional().meta({ description: 'A day or an RFC 3339 time, over all tenants a whole hour; by default the first of the month' }),
    to: z.string().max(40).optional().meta({ description: 'As from, not included; by default the end of this hour, over all tenants of this day' }),
    group_by: z
      .string()
      .transform((text) => [...new Set(text.split(',').map((part) => part.trim()).filter(Boolean))])
      .pipe(z.array(z.enum(PLATFORM_GROUPS, `must be some of ${PLATFORM_GROUPS.join(', ')}`)))
      .optional()
      .meta({ description: `Some of ${PLATFORM_GROUPS.join(', ')}, with commas between` }),
    format: z.enum(['json', 'csv'], 'must be json or csv').default('json'),
    limit: z.coerce.number('must be a whole number').int('must be a whole number').min(1).max(1_000).optional().meta({ description: 'Lines a page: the groups in pages of {data, has_more, next}' }),
    after: z.string().min(1).max(4_000).optional().meta({ description: 'What next gave' }),
  })
  .superRefine((query, context) => {
    const issue = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    const groups = query.group_by ?? []
    if (query.limit !== undefined && groups.length === 0) issue('limit', 'needs group_by: pages are of groups')
    if (query.after !== undefined && groups.length === 0) issue('after', 'needs group_by: pages are of groups')
    if (query.tenant !== undefined && groups.includes('tenant')) issue('group_by', 'is of one tenant already')
    if (query.tenant === undefined && groups.includes('project') && !groups.includes('tenant')) issue('group_by', 'must hold tenant beside project: the slug of a project is its tenant’s own')
  })

export type CostQueryString = z.output<typeof costQuery>

/** The report asked for. @throws RefusalError invalid_request, naming the field */
export function costReportQuery(asked: CostQueryString, tenant: Pick<Tenant, 'timeZone'> | null, nowMs: number): ReportQuery {
  const calendar: Calendar = (instantMs, length) => periodAt(instantMs, tenant?.timeZone ?? 'UTC', length)
  const to = asked.to ?? (tenant ? undefined : new Date(nowMs + DAY_MS).toISOString().slice(0, 10))
  const period = reportPeriod({ from: asked.from, to }, nowMs, calendar)
  if ('path' in period) throw invalid(period)
  for (const path of ['from', 'to'] as const)
    if (!tenant && period[`${path}Ms`] % HOUR_MS !== 0) throw invalid({ path, message: 'must be a whole hour of UTC: parts of one are counted for one tenant only' })
  return { ...period, groupBy: asked.group_by ?? [], calendar }
}
