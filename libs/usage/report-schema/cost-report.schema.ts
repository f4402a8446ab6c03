import { instantTextReply, moneyReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import type { ReportGroup } from '../domain/cost-report'

const seconds = z.number().meta({ description: 'Seconds' })
const rate = moneyReply.meta({ description: 'Decimal string per million tokens' })

/** The figures of any sum of calls. */
export const costFiguresReply = z
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

/** What a line is of: each is there when it was asked for. */
export const costGroups = {
  model: z.string().optional(),
  project: z.string().optional().meta({ description: 'Its slug, or its id where it is gone; empty for calls of none' }),
  api_key: z.uuid().optional(),
  region: z.string().optional(),
  provider: z.string().optional(),
  host: z.string().optional(),
  day: z.iso.date().optional().meta({ description: "A day of the tenant's zone, over all tenants of UTC" }),
  hour: instantTextReply.optional().meta({ description: 'An hour of UTC, by its beginning' }),
} satisfies Record<Exclude<ReportGroup, 'tenant'>, z.ZodType>

/** Against the list prices of another model. */
export const savingReply = z
  .strictObject({
    cost: moneyReply.meta({ description: 'What the tokens would have cost at this list price' }),
    saved: moneyReply.nullable().meta({ description: 'Null for who pays in another currency; below zero when it would have been cheaper' }),
    currency: z.string(),
    input_per_million: rate,
    output_per_million: rate,
    as_of: z.iso.date(),
  })
  .meta({ id: 'Saving' })
