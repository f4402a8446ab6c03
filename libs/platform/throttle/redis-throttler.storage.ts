import type { ThrottlerStorage } from '@nestjs/throttler'
import { join } from 'node:path'
import { LuaScript, RedisClients } from '@tollgate/platform/redis'

/** Seconds for people, milliseconds for code: @nestjs/throttler counts its answers in seconds. */
type Record = Awaited<ReturnType<ThrottlerStorage['increment']>>

/**
 * Fixed-window counter in Redis for @nestjs/throttler: the coarse flood shield of failed authentication and the
 * control plane, shared by all processes. While Redis is away it lets everything through: it is a shield, not a limit.
 */
export class RedisThrottlerStorage implements ThrottlerStorage {
  private readonly script = LuaScript.load(join(__dirname, 'throttle.lua'))

  constructor(private readonly redis: RedisClients) {}

  async increment(key: string, ttl: number, limit: number, blockDuration: number, throttlerName: string): Promise<Record> {
    try {
      const reply = (await this.script.run(this.redis.notices, [`shield:${throttlerName}:${key}`], [ttl, limit, blockDuration])) as [number, number, number]
      const [totalHits, expiresInMs, isBlocked] = reply.map(Number) as [number, number, number]
      const seconds = Math.ceil(expiresInMs / 1000)
      return { totalHits, timeToExpire: seconds, isBlocked: isBlocked === 1, timeToBlockExpire: isBlocked === 1 ? seconds : 0 }
    } catch {
      return { totalHits: 0, timeToExpire: 0, isBlocked: false, timeToBlockExpire: 0 }
    }
  }
}
