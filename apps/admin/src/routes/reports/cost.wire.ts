import type { ReportGroup } from '@tollgate/usage/report'
import { z } from 'zod'
import { instantTextReply, moneyReply, pageReply } from '../../openapi/answers'

const seconds = z.number().meta({ description: 'Seconds' })
const rate = moneyReply.meta({ description: 'Decimal string per million tokens' })

/** The figures of any line. */
const figuresReply = z
  .strictObject({
    total_requests: z.int(),
    avg_duration: seconds,
    p50_duration: seconds.nullable().meta({ description: 'Seconds; null without calls' }),
    p95_duration: seconds.nullable().meta({ description: 'Seconds; null without calls' }),
    error_rate: z.number().meta({ description: 'Share of calls that failed, 0 to 1' }),
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    cached_tokens: z.int(),
    reasoning_tokens: z.int(),
    total_tokens: z.int(),
    cost: moneyReply,
  })
  .meta({ id: 'CostFigures' })
type Figures = z.output<typeof figuresReply>

/** What a line is of: each is there when it was asked for. */
const groups = {
  tenant: z.string().optional(),
  model: z.string().optional(),
  project: z.string().optional().meta({ description: 'Its slug, or its id where it is gone; empty for calls of none' }),
  api_key: z.uuid().optional(),
  region: z.string().optional(),
  provider: z.string().optional(),
  host: z.string().optional(),
  day: z.iso.date().optional().meta({ description: "A day of the tenant's zone, over all tenants of UTC" }),
  hour: instantTextReply.optional().meta({ description: 'An hour of UTC, by its beginning' }),
} satisfies Record<ReportGroup, z.ZodType>

// To the compiler the lines of the room have their figures, and groups of any name.
const groupReply: z.ZodType<Figures> = figuresReply.extend(groups).meta({ id: 'CostGroup' })
const lineReply: z.ZodType<Figures> = figuresReply.extend({ ...groups, currency: z.string() }).meta({ id: 'CostLine' })

const savingReply = z
  .strictObject({
    cost: moneyReply.meta({ description: 'What the tokens would have cost at this list price' }),
    saved: moneyReply.nullable().meta({ description: 'Null for who pays in another currency; below zero when it would have been cheaper' }),
    currency: z.string(),
    input_per_million: rate,
    output_per_million: rate,
    as_of: z.iso.date(),
  })
  .meta({ id: 'Saving' })

const period = { from: instantTextReply, to: instantTextReply }

const tenantReportReply = z
  .strictObject({
    model_usage: z.record(z.string(), figuresReply),
    total: figuresReply,
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
