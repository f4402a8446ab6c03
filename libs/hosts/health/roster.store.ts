import { join } from 'node:path'
import { Inject, Injectable } from '@nestjs/common'
import type { Clock, Ids } from '@tollgate/kernel'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import { LuaScript, RedisClients } from '@tollgate/platform/redis'
import type { GatewayWord, Roster } from '../host-load'

const KEY = 'health:gateways'
/** A gateway that has been silent for this long is gone. */
const SILENT_MS = 5_000
/** What a gateway of an earlier release does not say. */
const UNSAID: GatewayWord = { hosts: {}, memory: {}, serves: true, line: { id: '', borrowed: [] } }
const FORGET_MS = 60_000

/** Which gateways run and what each has in flight, in Redis: one hash, a field a gateway. */
@Injectable()
export class RosterStore {
  private readonly self: string
  private readonly script = LuaScript.load(join(__dirname, 'lua', 'roster.lua'))

  constructor(
    private readonly redis: RedisClients,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) ids: Ids,
  ) {
    this.self = ids.uuid()
  }

  /** Says what this gateway has in flight and knows of the hosts' memories, and hears the others. @throws when Redis is away */
  async exchange(word: GatewayWord): Promise<Roster> {
    const nowMs = this.clock.now()
    const fields = (await this.script.run(this.redis.notices, [KEY], [this.self, JSON.stringify({ at: nowMs, ...word })])) as string[]
    const gateways = new Map<string, GatewayWord>()
    const gone: string[] = []
    for (let at = 0; at < fields.length; at += 2) {
      const gateway = fields[at]!
      const said = JSON.parse(fields[at + 1]!) as { at: number } & Partial<GatewayWord>
      if (nowMs - said.at < SILENT_MS) gateways.set(gateway, { ...UNSAID, ...said })
      else if (nowMs - said.at > FORGET_MS) gone.push(gateway)
    }
    if (gone.length > 0) await this.redis.notices.hdel(KEY, ...gone)
    return { self: this.self, gateways }
  }

  /** This gateway stops. */
  async leave(): Promise<void> {
    await this.redis.notices.hdel(KEY, this.self).catch(() => undefined)
  }
}
