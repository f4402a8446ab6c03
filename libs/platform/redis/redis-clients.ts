import { Redis } from 'ioredis'

/** Redis is missing, unreachable at boot, or set up so that limits or money would be lost. */
export class RedisSetupError extends Error {}

const CONNECT_TIMEOUT_MS = 2_000
const RECONNECT_MOST_MS = 500

/**
 * The process's connections. Admission and settlement have one each, so that neither queues behind the other
 * (performance.md); `notices` is for publishing and for what is not urgent; subscribers get their own.
 * No offline queue and one retry: every script is idempotent by request id, because a lost reply is sent again (F79).
 */
export class RedisClients {
  readonly admission: Redis
  readonly settlement: Redis
  readonly notices: Redis
  private readonly extra: Redis[] = []

  private constructor(
    private readonly url: string,
    commandTimeoutMs: number,
    private readonly onError: (error: Error) => void,
  ) {
    this.admission = this.open(commandTimeoutMs)
    this.settlement = this.open(commandTimeoutMs)
    this.notices = this.open(commandTimeoutMs)
  }

  /**
   * Connects all, or explains in one sentence why not. @throws RedisSetupError
   * @param commandTimeoutMs most a command waits: an unreachable Redis must cost a call less than its patience
   */
  static async connect(url: string, commandTimeoutMs: number, onError: (error: Error) => void = () => undefined): Promise<RedisClients> {
    const clients = new RedisClients(url, commandTimeoutMs, onError)
    try {
      await Promise.all([clients.admission, clients.settlement, clients.notices].map((client) => client.connect()))
    } catch (error) {
      clients.close()
      throw new RedisSetupError(`REDIS_URL does not answer (${(error as Error).message}). Start Redis, or correct the address.`)
    }
    return clients
  }

  /** A connection of its own for blocking reads or a subscription; closed with the others. */
  async dedicated(commandTimeoutMs?: number): Promise<Redis> {
    const client = this.open(commandTimeoutMs)
    this.extra.push(client)
    await client.connect()
    return client
  }

  /**
   * Refuses an eviction policy that could drop limits, and tells whether acknowledged writes survive a kill.
   * @throws RedisSetupError
   */
  async checkDurability(): Promise<{ isDurable: boolean }> {
    const info = await this.notices.info()
    const field = (name: string) => new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim()
    const policy = field('maxmemory_policy')
    if (policy && policy !== 'noeviction') throw new RedisSetupError(`Redis evicts keys (maxmemory-policy ${policy}): limits and reservations would vanish. Set maxmemory-policy noeviction.`)
    return { isDurable: field('aof_enabled') === '1' }
  }

  /** True when Redis answers now. */
  async isReachable(): Promise<boolean> {
    return this.notices.ping().then(
      () => true,
      () => false,
    )
  }

  close(): void {
    for (const client of [this.admission, this.settlement, this.notices, ...this.extra]) client.disconnect()
  }

  private open(commandTimeout?: number): Redis {
    const client = new Redis(this.url, {
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 1,
      connectTimeout: CONNECT_TIMEOUT_MS,
      retryStrategy: (attempt) => Math.min(RECONNECT_MOST_MS, attempt * 50),
      ...(commandTimeout === undefined ? {} : { commandTimeout }),
    })
    client.on('error', this.onError)
    return client
  }
}
