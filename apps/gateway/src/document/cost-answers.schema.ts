import { instantTextReply, pageReply } from '@tollgate/platform/json-schema'
import type { CostReportService } from '@tollgate/usage/report'
import { costFiguresReply, costGroups, savingReply } from '@tollgate/usage/report-schema'
import { z } from 'zod'
import type { Fits } from './fields.schema'

/** Has the values of the groups that were asked for. */
const groupLine = costFiguresReply.extend({ ...costGroups, currency: z.string().optional().meta({ description: 'In pages' }) }).meta({ id: 'OwnCostGroup' })

const report = z
  .strictObject({
    model_usage: z.record(z.string(), costFiguresReply).readonly(),
    total: costFiguresReply,
    groups: z.array(groupLine).optional().meta({ description: 'With group_by' }),
    savings: z.record(z.string(), savingReply).readonly().meta({ description: 'Against list prices of other models, by name' }),
    currency: z.string(),
    from: instantTextReply,
    to: instantTextReply,
  })
  .meta({ id: 'OwnCostReport' })

/** `GET /cost-report`: the whole, or with `limit` or `after` its groups in pages. */
export const costReport = z.union([report, pageReply(groupLine).meta({ id: 'OwnCostPage' })])

/** What holds the schema to the code that writes the body; its groups are typed by any name there. */
export type CostAnswersFit = [Fits<typeof report, Omit<Awaited<ReturnType<CostReportService['report']>>, 'groups'>>]
