import { instantTextReply, pageReply } from '@tollgate/platform/json-schema'
import type { ReportGroup } from '@tollgate/usage/report'
import { costFiguresReply, costGroups, savingReply } from '@tollgate/usage/report-schema'
import { z } from 'zod'

type Figures = z.output<typeof costFiguresReply>

const groups = { tenant: z.string().optional(), ...costGroups } satisfies Record<ReportGroup, z.ZodType>

// To the compiler the lines of the room have their figures, and groups of any name.
const groupReply: z.ZodType<Figures> = costFiguresReply.extend(groups).meta({ id: 'CostGroup' })
const lineReply: z.ZodType<Figures> = costFiguresReply.extend({ ...groups, currency: z.string() }).meta({ id: 'CostLine' })

const period = { from: instantTextReply, to: instantTextReply }

const tenantReportReply = z
  .strictObject({
    model_usage: z.record(z.string(), costFiguresReply),
    total: costFiguresReply,
    groups: z.array(groupReply).readonly().optional().meta({ description: 'With group_by only' }),
    savings: z.record(z.string(), savingReply),
    currency: z.string(),
    ...period,
  })
  .meta({ id: 'CostReport' })

const platformReportReply = z
  .strictObject({ totals: z.array(lineReply).readonly().meta({ description: 'One for each currency' }), groups: z.array(lineReply).readonly().optional().meta({ description: 'With group_by only' }), ...period })
  .meta({ id: 'PlatformCostReport' })

const reportPageReply = pageReply(lineReply).extend({ data: z.array(lineReply).readonly() }).meta({ id: 'CostPage' })

/** Of one tenant, of all of them, or with `limit` or `after` a page of the lines of either. */
export const costReply = z.union([tenantReportReply, platformReportReply, reportPageReply])
