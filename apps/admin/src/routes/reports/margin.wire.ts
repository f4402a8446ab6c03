import { COST_CURRENCY } from '@tollgate/pricing'
import type { MARGIN_GROUPS } from '@tollgate/usage/margin'
import { moneyReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import { idleReply } from './idle.wire'

/** What a line is of: each is there when it was asked for. */
const groups = {
  model: z.string().optional(),
  host: z.string().optional(),
  provider: z.string().optional(),
  region: z.string().optional(),
  tenant: z.string().optional(),
  day: z.iso.date().optional(),
} satisfies Record<(typeof MARGIN_GROUPS)[number], z.ZodType>

const marginRowReply = z
  .strictObject({
    ...groups,
    requests: z.int(),
    attempts: z.int(),
    attempts_without_cost: z.int(),
    revenue: moneyReply,
    provider_cost: moneyReply,
    margin: moneyReply.nullable().meta({ description: 'Null where tenants pay in another currency than costs are in' }),
    currency: z.string(),
  })
  .meta({ id: 'MarginRow' })

/** What was earned, what it cost, and what stood idle. */
export const marginReply = z
  .strictObject({ from: z.iso.date(), to: z.iso.date(), cost_currency: z.literal(COST_CURRENCY), rows: z.array(marginRowReply), idle: z.array(idleReply) })
  .meta({ id: 'MarginReport' })
