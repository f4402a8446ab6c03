import { join } from 'node:path'
import { Injectable } from '@nestjs/common'
import { LuaScript, RedisClients } from '@tollgate/platform/redis'

/** A line nobody touched for this long is empty: nobody waits longer than seconds. */
const LINE_MS = 60_000
/** One tenant's calls in the line of a model, and all of them: the rest is turned away at once. */
export const MOST_OF_TENANT = 64
export const MOST_IN_LINE = 500

/** Who waits: the fair share is by tier, then by tenant. */
export interface Ticket {
  readonly tenantId: string
  readonly tier: string
  /** Of the tier (`queue_weight`). */
  readonly weight: number
  /** Tokens the call may use, as estimated. */
  readonly tokens: number
}

/** A call that stands in line. */
export interface Entry extends Ticket {
  readonly id: string
  readonly gateway: string
  readonly untilMs: number
  readonly mostWaitMs: number
  /** Hosts it may go to. */
  readonly hosts: readonly string[]
  /** Their slots together, and what a call takes there; 0 = not learned yet. */
  readonly slots: number
  readonly callMs: number
}

/** Where a call stands: first = 1. The estimate is by the line as it is; heavier tiers that come later go before. */
export interface Standing {
  readonly isIn: boolean
  readonly position: number
  readonly estimateMs: number
}

/** Who is next. */
export interface Picked {
  readonly id: string
  readonly gateway: string
  readonly tier: string
  readonly tenantId: string
}

/** The lines of waiting calls in Redis, one key a model. @throws when Redis is away */
@Injectable()
export class QueueStore {
  private readonly script = LuaScript.load(join(__dirname, 'lua', 'queue.lua'))

  constructor(private readonly redis: RedisClients) {}

  /** Stands in line, or is told that it would be in vain. */
  async enter(model: string, entry: Entry, nowMs: number): Promise<Standing> {
    const { id, gateway, tier, weight, tenantId, tokens, untilMs, mostWaitMs, slots, callMs, hosts } = entry
    const [isIn, position, estimateMs] = (await this.run(model, nowMs, 'enter', id, gateway, tier, weight, tenantId, tokens, untilMs, mostWaitMs, MOST_OF_TENANT, MOST_IN_LINE, slots, callMs, ...hosts)) as [number, number, number]
    return { isIn: isIn === 1, position, estimateMs }
  }

  /** Takes the next that may go to this host out of the line; null = nobody. */
  async pop(model: string, hostId: string, nowMs: number): Promise<Picked | null> {
    const [id, gateway, tier, tenantId] = (await this.run(model, nowMs, 'pop', hostId)) as string[]
    return id === undefined ? null : { id, gateway: gateway!, tier: tier!, tenantId: tenantId! }
  }

  /** Leaves the line without having been served. */
  async drop(model: string, { tier, tenantId }: Ticket, id: string, nowMs: number): Promise<void> {
    await this.run(model, nowMs, 'drop', tier, tenantId, id)
  }

  /** A call that stood in line ended and used so many tokens more (or fewer) than its ticket said. */
  async correct(model: string, { tier, tenantId }: Ticket, moreTokens: number, nowMs: number): Promise<void> {
    await this.run(model, nowMs, 'correct', tier, tenantId, moreTokens)
  }

  private run(model: string, nowMs: number, operation: string, ...args: (string | number)[]): Promise<unknown> {
    return this.script.run(this.redis.notices, [`queue:{${model}}`], [LINE_MS, nowMs, operation, ...args])
  }
}
