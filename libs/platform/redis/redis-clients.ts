import { mastersOf, openLink, type RedisLink } from './redis-link'

/** Redis is missing, unreachable at boot, or set up so that limits or money would be lost. */
export class RedisSetupError extends Error {}

/**
 * The process's connections. Admission and settlement have one each, so that neither queues behind the other
 * (performance.md); `notices` is for publishing and for what is not urgent; subscribers get their own.
 * No offline queue and one retry: every script is idempotent by request id, because a lost reply is sent again (F79).
 */
export class RedisClients {
  readonly admission: RedisLink
  readonly settlement: RedisLink
  readonly notices: RedisLink
  private readonly extra: RedisLink[] = []

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
  async dedicated(commandTimeoutMs?: number): Promise<RedisLink> {
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
    const infos = await Promise.all(mastersOf(this.notices).map((server) => server.info()))
    const fields = (name: string) => infos.map((info) => new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim())
    const policy = fields('maxmemory_policy').find((found) => found && found !== 'noeviction')
    if (policy) throw new RedisSetupError(`Redis evicts keys (maxmemory-policy ${policy}): limits and reservations would vanish. Set maxmemory-policy noeviction.`)
    return { isDurable: fields('aof_enabled').every((isOn) => isOn === '1') }
  }

  /** True when Redis, and of a cluster every master, answers now. */
  async isReachable(): Promise<boolean> {
    const servers = mastersOf(this.notices)
    return servers.length > 0 && Promise.all(servers.map((server) => server.ping())).then(
      () => true,
      () => false,
    )
  }

  close(): void {
    for (const client of [this.admission, this.settlement, this.notices, ...this.extra]) client.disconnect()
  }

  private open(commandTimeout?: number): RedisLink {
    const client = openLink(this.url, commandTimeout)
    client.on('error', this.onError)
    return client
  }
}
