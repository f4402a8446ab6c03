import { Agent } from 'undici'
import type { ChaosOptions } from './options'
import { callFleet, unbilled, type FleetOutcome } from './fleet-calls'
import { FLEET_REDIS } from './fleet-redis'
import { FleetRig } from './fleet-rig'
import { rollingRestart, type RestartResult } from './rolling-restart'

const MOST_BEHIND_SECONDS = 1
/** Each has a limit of calls a minute. */
const TENANTS = 12

/** What the command prints of a rolling restart. */
export interface RestartReport extends Omit<RestartResult, 'outcomes'> {
  readonly from: string
  readonly calls: number
  readonly failed: readonly FleetOutcome[]
  /** Whole answers without exactly one usage row. */
  readonly unbilled: number
}

/** T44 by hand: three gateways and a worker, perhaps of an earlier release, restarted one by one into this one while its migrations are applied under them. */
export async function runRestart({ old, perSecond, streams, isCluster }: Pick<ChaosOptions, 'old' | 'perSecond' | 'streams' | 'isCluster'>): Promise<RestartReport> {
  const rig = await FleetRig.start({ redis: FLEET_REDIS[isCluster ? 'a Redis Cluster of three masters with a replica each' : 'one Redis'], ...(old === null ? {} : { old }) })
  const agent = new Agent({ connections: 1_024 })
  try {
    await rig.addGateway()
    const tenants = await Promise.all(Array.from({ length: TENANTS }, () => rig.tenant()))
    const { outcomes, ...result } = await rollingRestart(rig, (wish, first) => callFleet(rig, tenants[first % TENANTS]!.key, wish, first, agent), { perSecond, streams, mostOpen: MOST_BEHIND_SECONDS * perSecond, ...(old === null ? {} : { begin: () => rig.upgrade() }) })
    return { from: old ?? 'this release', calls: outcomes.length, failed: outcomes.filter(({ end }) => end !== 'served'), unbilled: await unbilled(rig, outcomes), ...result }
  } finally {
    await agent.destroy()
    await rig.stop()
  }
}
