import type { CostReportService } from '@tollgate/usage/report'
import { z } from 'zod'
import { instant, money, pageOf, type Fits } from './fields.schema'

/** What is told of any sum of calls. */
export const figures = {
  total_requests: z.int(),
  avg_duration: z.number().meta({ description: 'Seconds' }),
  p50_duration: z.number().nullable().meta({ description: 'Seconds; null without calls' }),
  p95_duration: z.number().nullable().meta({ description: 'Seconds; null without calls' }),
  error_rate: z.number().meta({ description: '0 to 1' }),
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  cached_tokens: z.int(),
  reasoning_tokens: z.int(),
  total_tokens: z.int(),
  cost: money,
}

const line = z.strictObject(figures).meta({ id: 'OwnCostFigures' })

const value = z.string().optional()

/** Has the values of the groups that were asked for. */
const groupLine = z
  .strictObject({ model: value, project: value, api_key: value, region: value, provider: value, host: value, day: value, hour: value, ...figures, currency: value.meta({ description: 'In pages' }) })
  .meta({ id: 'OwnCostGroup' })

const saving = z.strictObject({ cost: money, saved: money.nullable().meta({ description: 'null for who pays in another currency' }), currency: z.string(), input_per_million: money, output_per_million: money, as_of: z.string() })

const report = z
  .strictObject({
    model_usage: z.record(z.string(), line).readonly(),
    total: line,
    groups: z.array(groupLine).optional().meta({ description: 'With group_by' }),
    savings: z.record(z.string(), saving).readonly().meta({ description: 'Against list prices of other models, by name' }),
    currency: z.string(),
    from: instant,
    to: instant,
  })
  .meta({ id: 'OwnCostReport' })

/** `GET /cost-report`: the whole, or with `limit` or `after` its groups in pages. */
export const costReport = z.union([report, pageOf(groupLine, z.string()).meta({ id: 'OwnCostPage' })])

/** What holds the schema to the code that writes the body; its groups are typed by any name there. */
export type CostAnswersFit = [Fits<typeof report, Omit<Awaited<ReturnType<CostReportService['report']>>, 'groups'>>]
