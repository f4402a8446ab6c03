import { RedisCluster } from '../support/redis-cluster'
import { MortalRedis } from './services'

/** The Redis of a fleet. */
export interface FleetRedis {
  readonly url: string
  /** Its death, or of a cluster a master's. Resolves when it may be killed again. */
  fell(random: () => number): Promise<void>
  stop(): Promise<void>
}

/** How long the one Redis stays dead, ms. */
const DEAD_MS = [100, 500] as const

/** What a fleet may run on. */
export const FLEET_REDIS = {
  'one Redis': async (folder: string): Promise<FleetRedis> => {
    const redis = await MortalRedis.start(folder)
    return {
      url: redis.url,
      stop: () => redis.stop(),
      fell: async (random) => {
        await redis.die()
        await new Promise((resolve) => setTimeout(resolve, DEAD_MS[0] + random() * (DEAD_MS[1] - DEAD_MS[0])))
        await redis.revive()
      },
    }
  },
  'a Redis Cluster of three masters with a replica each': async (): Promise<FleetRedis> => {
    const cluster = await RedisCluster.start({ hasReplicas: true })
    return { url: cluster.url, stop: () => cluster.stop(), fell: (random) => cluster.failOver((masters) => masters[Math.floor(random() * masters.length)]!) }
  },
} as const
