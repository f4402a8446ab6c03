import type { RedisClients } from './redis-clients'

const CHANNEL = 'tollgate:changed'

/** What changed. `caller` carries the tenant id or key id whose cached records must go, `health` the host whose circuit did, `line` a message about waiting calls. */
export interface ChangeNotice {
  readonly topic: 'hosts' | 'health' | 'line' | 'catalog' | 'tiers' | 'caller'
  readonly id?: string
}

/**
 * Tells every process at once that something an operator may change has changed. Best effort by design: whoever
 * caches must also expire (a lost notice costs seconds, never correctness).
 */
export class ChangeNotices {
  private readonly listeners = new Set<(notice: ChangeNotice) => void>()

  private constructor(private readonly clients: RedisClients) {}

  static async start(clients: RedisClients): Promise<ChangeNotices> {
    const notices = new ChangeNotices(clients)
    const subscriber = await clients.dedicated()
    subscriber.on('message', (_channel, text) => notices.deliver(text))
    await subscriber.subscribe(CHANNEL)
    // Caught here, or a connection that breaks again while it subscribes would end the process (unhandled rejection).
    subscriber.on('ready', () => void subscriber.subscribe(CHANNEL).catch(() => undefined))
    return notices
  }

  /** Publishes; listeners of this process hear it at once even while Redis is away. */
  async publish(notice: ChangeNotice): Promise<void> {
    for (const listener of this.listeners) listener(notice)
    await this.clients.notices.publish(CHANNEL, JSON.stringify(notice)).catch(() => undefined)
  }

  /** Returns the function that stops listening. */
  listen(listener: (notice: ChangeNotice) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  private deliver(text: string): void {
    const notice = JSON.parse(text) as ChangeNotice
    for (const listener of this.listeners) listener(notice)
  }
}
