import { GROUPS } from '@tollgate/usage/report'
import { z } from 'zod'

const MOST_LINES_A_PAGE = 1_000

/** Query of `GET /cost-report` (product.md 2.4). Days are the tenant's own; `to` is not included. */
export const costReportSchema = z
  .strictObject({
    from: z.string().max(40).optional().meta({ description: "A day of the tenant's time zone or an RFC 3339 time; by default the first of the month" }),
    to: z.string().max(40).optional().meta({ description: 'As from, not included; by default the end of this hour' }),
    group_by: z
      .string()
      .transform((text) => [...new Set(text.split(',').map((part) => part.trim()).filter(Boolean))])
      .pipe(z.array(z.enum(GROUPS, `must be some of ${GROUPS.join(', ')}`)))
      .optional()
      .meta({ description: `Some of ${GROUPS.join(', ')}, with commas between` }),
    format: z.enum(['json', 'csv'], 'must be json or csv').default('json'),
    limit: z
      .string()
      .regex(/^[1-9]\d{0,3}$/, `must be a whole number from 1 to ${MOST_LINES_A_PAGE}`)
      .transform(Number)
      .refine((limit) => limit <= MOST_LINES_A_PAGE, `must be at most ${MOST_LINES_A_PAGE}`)
      .optional()
      .meta({ description: 'Lines a page: the groups in pages of {data, has_more, next}' }),
    after: z.string().min(1).max(4_000).optional().meta({ description: 'What next gave' }),
  })
  .superRefine((query, context) => {
    const path = query.limit !== undefined ? 'limit' : query.after !== undefined ? 'after' : null
    if (path && !query.group_by?.length) context.addIssue({ code: 'custom', path: [path], message: 'needs group_by: pages are of groups' })
  })
