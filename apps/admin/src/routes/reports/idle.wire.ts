import type { FleetAdminService } from '@tollgate/hosts'
import { decimalFromPico } from '@tollgate/kernel'
import { hostShareCost } from '@tollgate/pricing'
import type { HostAttribution } from '@tollgate/usage/margin'
import { moneyReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'

type CostSpan = Awaited<ReturnType<FleetAdminService['costSpans']>>[number]

const HOUR_MS = 3_600_000

/** What a host cost while it existed, and how much of it its attempts were given. */
export const idleReply = z
  .strictObject({
    host: z.string(),
    region: z.string(),
    hours: z.number(),
    cost: moneyReply,
    attributed_cost: moneyReply,
    idle_cost: moneyReply.meta({ description: 'Below zero: the host ran more calls at once than its max_parallel' }),
  })
  .meta({ id: 'IdleCost' })

/**
 * Idle cost of each host that has a cost per hour: what it cost while it existed, less what its attempts were given of
 * it. Below zero it says that the host ran more calls at once than its `max_parallel`, so that too much was given.
 */
export function idleWire(spans: readonly CostSpan[], attributed: readonly HostAttribution[]): z.output<typeof idleReply>[] {
  const hosts = new Map<string, { host: string; region: string; ms: number; costPico: bigint }>()
  for (const { host, region, ms, costPerHourPico } of spans) {
    const before = hosts.get(`${host} ${region}`) ?? { host, region, ms: 0, costPico: 0n }
    hosts.set(`${host} ${region}`, { ...before, ms: before.ms + ms, costPico: before.costPico + hostShareCost(ms, costPerHourPico, 1) })
  }
  return [...hosts.values()].map(({ host, region, ms, costPico }) => {
    const usedPico = attributed.reduce((sum, part) => (part.host === host && part.region === region ? sum + part.costPico : sum), 0n)
    return { host, region, hours: Math.round((ms / HOUR_MS) * 1000) / 1000, cost: decimalFromPico(costPico), attributed_cost: decimalFromPico(usedPico), idle_cost: decimalFromPico(costPico - usedPico) }
  })
}
