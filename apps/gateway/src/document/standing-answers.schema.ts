import { instantTextReply, moneyReply } from '@tollgate/platform/json-schema'
import { costFiguresReply } from '@tollgate/usage/report-schema'
import { z } from 'zod'
import type { budgetsWire, windowsWire } from '../routes/standing/standing.wire'
import type { Fits } from './fields.schema'

const window = z.strictObject({ limit: z.int(), used: z.int(), remaining: z.int() }).nullable().meta({ description: 'Of the last minute; null = no limit' })

const windows = z
  .strictObject({ rule: z.string(), requests_per_minute: window, tokens_per_minute: window, max_parallel_requests: z.int().nullable() })
  .meta({ id: 'LimitStanding' })

const budget = z
  .strictObject({
    scope: z.string().meta({ description: '`tenant`, `project:<id>`, `key:<id>` or `credit`' }),
    rule: z.string(),
    limit: moneyReply.nullable(),
    used: moneyReply,
    reserved: moneyReply.meta({ description: 'What running calls may cost at most' }),
    remaining: moneyReply.nullable(),
    resets_at: instantTextReply.nullable().meta({ description: 'null: prepaid credit does not begin anew' }),
  })
  .meta({ id: 'BudgetStanding' })

/** `GET /v1/limits`. */
export const ownLimits = z
  .strictObject({ tier: z.string(), regions: z.array(z.string()), max_output_tokens: z.int(), limits: z.array(windows), currency: z.string(), budgets: z.array(budget) })
  .meta({ id: 'OwnLimits' })

const spent = costFiguresReply.extend({ from: instantTextReply, to: instantTextReply }).meta({ id: 'SpentInPeriod' })

/** `GET /v1/usage`. */
export const ownUsage = z
  .strictObject({ currency: z.string(), time_zone: z.string(), today: spent, period: spent, budgets: z.array(budget) })
  .meta({ id: 'OwnUsage' })

/** What holds the schemas to the code that writes the bodies. */
export type StandingAnswersFit = [Fits<typeof windows, ReturnType<typeof windowsWire>[number]>, Fits<typeof budget, ReturnType<typeof budgetsWire>[number]>]
