import { join } from 'node:path'
import { Inject, Injectable } from '@nestjs/common'
import type { Ids } from '@tollgate/kernel'
import { IDS } from '@tollgate/platform/clock'
import { LuaScript, RedisClients } from '@tollgate/platform/redis'

const PROBER_MS = 5_000
/** Longer than a probe may take. */
const PROBE_MS = 10_000

/** Who may do what only one may do at a time: probe the fleet, probe one host. Held for a time, in case its holder dies. */
@Injectable()
export class LeaseStore {
  private readonly script = LuaScript.load(join(__dirname, 'lua', 'lease.lua'))
  private readonly holder: string

  constructor(
    private readonly redis: RedisClients,
    @Inject(IDS) private readonly ids: Ids,
  ) {
    this.holder = ids.uuid()
  }

  /** Becomes or stays the prober of the fleet for five seconds. While Redis is away everybody is: twice beats never. */
  async isProber(): Promise<boolean> {
    return this.take('health:prober', this.holder, PROBER_MS).catch(() => true)
  }

  /** Gives the office up, so that another takes over at once. */
  async resign(): Promise<void> {
    await this.release('health:prober', this.holder)
  }

  /** Runs work as the only one in the cluster that probes this host. @returns null when somebody else is at it */
  async asOnlyOne<T>(hostId: string, work: () => Promise<T>): Promise<T | null> {
    const key = `health:{${hostId}}:probe`
    const holder = this.ids.uuid()
    if (!(await this.take(key, holder, PROBE_MS).catch(() => true))) return null
    try {
      return await work()
    } finally {
      await this.release(key, holder)
    }
  }

  private async take(key: string, holder: string, ms: number): Promise<boolean> {
    return (await this.script.run(this.redis.notices, [key], [holder, ms])) === 1
  }

  private async release(key: string, holder: string): Promise<void> {
    await this.script.run(this.redis.notices, [key], [holder, 0]).catch(() => undefined)
  }
}
