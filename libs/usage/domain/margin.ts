import { decimalFromPico, type Pico } from '@tollgate/kernel'
import { COST_CURRENCY } from '@tollgate/pricing'

/** What margin may be grouped by. */
export const MARGIN_GROUPS = ['model', 'host', 'provider', 'region', 'tenant', 'day'] as const
export type MarginGroup = (typeof MARGIN_GROUPS)[number]

/** UTC days `[fromDay, toDay)` as YYYY-MM-DD, and the grouping; a call belongs to the day of its reservation. */
export interface MarginQuery {
  readonly fromDay: string
  readonly toDay: string
  readonly groupBy: readonly MarginGroup[]
}

type Group = Readonly<Partial<Record<MarginGroup, string>>>

/**
 * What tenants were charged, by the host that served them, in their own currency; and what attempts cost, by the host each
 * went to. `uncosted` attempts have no known cost.
 */
export interface MarginSums {
  readonly group: Group
  readonly currency: string
  readonly requests: number
  readonly revenuePico: Pico
  readonly attempts: number
  readonly uncosted: number
  readonly costPico: Pico
}

/** A line of the margin report: money as decimal strings, `margin` null where tenants pay in another currency than costs are in. */
export type MarginRow = Group & {
  readonly requests: number
  readonly attempts: number
  readonly attempts_without_cost: number
  readonly revenue: string
  readonly provider_cost: string
  readonly margin: string | null
  readonly currency: string
}

/** In the order of the groups. A host that only ever failed has cost and no revenue, and keeps its line. */
export function marginRows(sums: readonly MarginSums[], groupBy: readonly MarginGroup[]): MarginRow[] {
  const keyed = sums.map((line) => [JSON.stringify([...groupBy.map((name) => line.group[name]), line.currency]), line] as const)
  return keyed.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => rowOf(line))
}

function rowOf({ group, currency, requests, attempts, uncosted, revenuePico, costPico }: MarginSums): MarginRow {
  const margin = currency === COST_CURRENCY ? decimalFromPico(revenuePico - costPico) : null
  return Object.assign({}, group, { requests, attempts, attempts_without_cost: uncosted, revenue: decimalFromPico(revenuePico), provider_cost: decimalFromPico(costPico), margin, currency })
}
