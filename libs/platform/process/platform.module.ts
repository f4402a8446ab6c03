import { Global, Inject, Injectable, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common'
import type { EntitySchema } from 'typeorm'
import { CLOCK, IDS, systemClock, systemIds, systemTimer, TIMER } from '@tollgate/platform/clock'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { Readiness, READINESS } from '@tollgate/platform/http'
import { processLogger } from '@tollgate/platform/logging'
import { Metrics } from '@tollgate/platform/metrics'
import { Database, type DatabaseRole } from '@tollgate/platform/postgres'
import { ChangeNotices, RedisClients } from '@tollgate/platform/redis'
import { ReceiptSigner, SecretBox } from '@tollgate/platform/secrets'
import { RedisThrottlerStorage } from '@tollgate/platform/throttle'
import { CheckpointFile } from './checkpoint-file'

/** Injection token of the process's `ProcessLogger`. */
export const LOGGER = 'LOGGER'

/** Injection token of `Durability`. */
export const DURABILITY = 'DURABILITY'

/** Where a finished call must be durable before its terminal event: in Redis with AOF, or in Postgres (strict). */
export interface Durability {
  readonly isStrict: boolean
  /** What runs, on disk, where Redis dies with the process; null in a cluster. */
  readonly checkpointFile: CheckpointFile | null
}

/** Closes connections last: Nest has drained the requests by then (stack.md, hook order). */
@Injectable()
class ConnectionsCloser implements OnApplicationShutdown {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(RedisClients) private readonly redis: RedisClients,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    this.redis.close()
    await this.database.close()
  }
}

/** What every process needs and no room owns: configuration, connections, clock, ids, log, metrics, readiness. */
@Global()
@Module({})
export class PlatformModule {
  /** @param role the database log-in of the process @param entities TypeORM schemas its stores use */
  static register(config: ClusterConfig, role: DatabaseRole, entities: EntitySchema[] = []): DynamicModule {
    const logger = processLogger(config.LOG_LEVEL)
    const onError = (source: string) => (error: Error) => logger.warn({ source, reason: error.message }, 'connection trouble')
    return {
      module: PlatformModule,
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: LOGGER, useValue: logger },
        { provide: CLOCK, useValue: systemClock },
        { provide: IDS, useValue: systemIds },
        { provide: TIMER, useValue: systemTimer },
        { provide: Metrics, useValue: new Metrics() },
        { provide: SecretBox, useFactory: () => new SecretBox(config.TOLLGATE_SECRETS_KEY, config.TOLLGATE_SECRETS_KEYS_ALSO) },
        { provide: ReceiptSigner, useFactory: () => new ReceiptSigner(config.TOLLGATE_SECRETS_KEY, config.TOLLGATE_SECRETS_KEYS_ALSO) },
        {
          provide: Database,
          useFactory: () => Database.connect({ url: config.DATABASE_URL, role, entities, poolSize: config.TOLLGATE_DB_POOL_SIZE, password: config.TOLLGATE_DB_PASSWORD, onError: onError('postgres') }),
        },
        { provide: RedisClients, useFactory: () => RedisClients.connect(config.REDIS_URL, config.TOLLGATE_REDIS_TIMEOUT_MS, onError('redis')) },
        { provide: ChangeNotices, inject: [RedisClients], useFactory: (redis: RedisClients) => ChangeNotices.start(redis) },
        { provide: RedisThrottlerStorage, inject: [RedisClients], useFactory: (redis: RedisClients) => new RedisThrottlerStorage(redis) },
        { provide: DURABILITY, inject: [RedisClients], useFactory: (redis: RedisClients) => chooseDurability(config, redis, logger.warn) },
        {
          provide: READINESS,
          inject: [Database, RedisClients],
          useFactory: (database: Database, redis: RedisClients) => new Readiness({ postgres: () => database.isReachable(), redis: () => redis.isReachable() }),
        },
        ConnectionsCloser,
      ],
      exports: [CONFIG, LOGGER, CLOCK, IDS, TIMER, Metrics, ReceiptSigner, SecretBox, Database, RedisClients, ChangeNotices, RedisThrottlerStorage, DURABILITY, READINESS],
    }
  }
}

/** A Redis without append-only file would lose acknowledged usage when it dies, so settlement then goes to Postgres. */
async function chooseDurability(config: ClusterConfig, redis: RedisClients, warn: (fields: object, message: string) => void): Promise<Durability> {
  const { isDurable } = await redis.checkDurability()
  if (!isDurable && !config.TOLLGATE_STRICT_DURABILITY) warn({}, 'Redis has no append-only file: usage is committed to Postgres before each answer ends (strict durability). Set appendonly yes to use the faster outbox.')
  return { isStrict: config.TOLLGATE_STRICT_DURABILITY || !isDurable, checkpointFile: config.TOLLGATE_CHECKPOINT_FILE ? new CheckpointFile(config.TOLLGATE_CHECKPOINT_FILE) : null }
}
