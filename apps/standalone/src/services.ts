import { join } from 'node:path'
import type { Ids } from '@tollgate/kernel'
import { requireCluster, type ClusterConfig, type Environment } from '@tollgate/platform/config'
import { EmbeddedError, startEmbeddedPostgres, startPrivateRedis } from '@tollgate/platform/embedded'
import { migrate } from '@tollgate/platform/postgres'
import { StartError } from '@tollgate/platform/process'
import { DataFolder, type DataSecrets } from './data-folder'

/** Postgres and Redis of this installation, running, and the configuration that points at them. */
export interface Services {
  readonly config: ClusterConfig
  readonly folder: DataFolder
  readonly secrets: DataSecrets
  /** What stands in for Redis, e.g. `redis-server`. */
  readonly redisKind: string
  stop(): Promise<void>
}

/**
 * Starts embedded Postgres and a private Redis on the data directory and applies the migrations. Settlement is strict:
 * this Redis dies with the process, so usage goes to Postgres before an answer ends (metering.md, embedded mode).
 * @throws StartError with one sentence that says what to do
 */
export async function startServices(environment: Environment, ids: Ids, log: (line: string) => void): Promise<Services> {
  const folder = new DataFolder(environment.TOLLGATE_DATA_DIR, ids)
  const secrets = folder.secrets()
  try {
    const postgres = await startEmbeddedPostgres({ dataDir: folder.postgresDir, durability: 'safe', log })
    const redis = await startPrivateRedis({ dir: join(folder.redisDir, String(process.pid)), log }).catch(async (error: unknown) => {
      await postgres.stop()
      throw error
    })
    const stop = async () => {
      await redis.stop()
      await postgres.stop()
    }
    try {
      await migrate({ url: postgres.url, rolePassword: secrets.databasePassword })
    } catch (error) {
      await stop()
      throw error
    }
    const config = requireCluster({
      ...environment,
      DATABASE_URL: postgres.url,
      REDIS_URL: redis.url,
      TOLLGATE_DB_PASSWORD: secrets.databasePassword,
      TOLLGATE_KEY_PEPPER: secrets.keyPepper,
      TOLLGATE_JWT_SECRET: secrets.jwtSecret,
      TOLLGATE_SECRETS_KEY: secrets.secretsKey,
      // The in-process server shares our event loop, and compiles each script at its first run.
      TOLLGATE_REDIS_TIMEOUT_MS: redis.kind === 'js-redis-server' ? 2_000 : environment.TOLLGATE_REDIS_TIMEOUT_MS,
      TOLLGATE_STRICT_DURABILITY: true,
      TOLLGATE_CHECKPOINT_FILE: environment.TOLLGATE_CHECKPOINT_FILE ?? join(folder.path, 'running-calls.json'),
      TOLLGATE_ALLOW_LOOPBACK_HOSTS: true,
    })
    return { config, folder, secrets, redisKind: redis.kind, stop }
  } catch (error) {
    if (error instanceof EmbeddedError) throw new StartError(error.message)
    throw error
  }
}
