import { startEmbeddedPostgres, startPrivateRedis } from '@tollgate/platform/embedded'
import { answerParent } from './children'

/** Where the private services listen. */
export interface Services {
  readonly postgresUrl: string
  readonly redisUrl: string
  readonly redisKind: string
}

/** Holds the private Postgres and Redis, so that they inherit this process's core. Argument: a folder for their data. */
async function start(folder: string): Promise<{ services: Services; stop(): Promise<void> }> {
  const postgres = await startEmbeddedPostgres({ dataDir: `${folder}/postgres`, durability: 'safe' })
  const redis = await startPrivateRedis({ dir: `${folder}/redis`, appendOnly: true })
  const stop = async () => void (await Promise.all([postgres.stop(), redis.stop()]))
  return { services: { postgresUrl: postgres.url, redisUrl: redis.url, redisKind: redis.kind }, stop }
}

const started = start(process.argv[2]!)
answerParent(
  async () => (await started).services,
  async () => (await started).stop(),
)
