import { findRedisServer } from '../../libs/platform/embedded/index'
import { RedisCluster } from './redis-cluster'
import { redisTargets } from './redis-targets'

/** A Redis to run a spec against, opened in `beforeAll`. */
export interface RedisKind {
  readonly kind: string
  readonly isCluster: boolean
  open(): Promise<string>
}

let cluster: Promise<RedisCluster> | null = null

/** As `redisTargets`, and a cluster of three masters that this spec file starts for itself, where there is a server to start. */
export function redisKinds(): RedisKind[] {
  const single = redisTargets().map(({ kind, url }) => ({ kind, isCluster: false, open: () => Promise.resolve(url) }))
  if (findRedisServer() === null) {
    process.stderr.write('No valkey-server or redis-server on PATH: nothing is run on a Redis Cluster.\n')
    return single
  }
  return [...single, { kind: 'a cluster of three', isCluster: true, open: async () => (await (cluster ??= RedisCluster.start({ hasReplicas: false }))).url }]
}

/** Ends the cluster of this spec file, if it has one. */
export async function stopCluster(): Promise<void> {
  await (await cluster)?.stop()
}
