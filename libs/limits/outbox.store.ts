import { join } from 'node:path'
import { Inject, Injectable } from '@nestjs/common'
import { bucketTag, nanoCeil, type Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { isCluster, LuaScript, onInterruption, RedisClients, type RedisLink } from '@tollgate/platform/redis'
import { budgetRedisKey } from './domain/scopes'

const GROUP = 'settle'
const BUCKETS = 64
const SWEEP_MOST = 200
/** Live gateways come back and register what they run before anything is taken for dead (metering.md, Sweep). */
const QUIET_MS = 5_000

/** A queued claim. `admittedAtMs` is set for swept drafts only: it replaces the draft's own time. */
export interface OutboxEntry {
  readonly id: string
  readonly bucket: number
  readonly claim: string
  readonly admittedAtMs: number | null
}

/** What Postgres committed, to be confirmed in one bucket. */
export interface Confirmation {
  readonly bucket: number
  readonly entryIds: readonly string[]
  /** `isApplied` false: quarantined. Its gateway need not vouch for it any more, and its budgets keep counting it. */
  readonly claims: readonly { rid: string; rank: number; tenantId: string; budgets: readonly string[]; isApplied: boolean }[]
  readonly sums: readonly { tenantId: string; budget: string; spentPico: bigint; version: bigint }[]
}

/** The worker's side of Redis: the 64 outbox streams, confirmation, and the sweep of dead calls. */
@Injectable()
export class OutboxStore {
  private readonly confirmScript = LuaScript.load(join(__dirname, 'lua', 'confirm.lua'))
  private readonly sweepScript = LuaScript.load(join(__dirname, 'lua', 'sweep.lua'))
  private blocking: RedisLink | undefined
  /** Entries this process was handed and has not confirmed, or may have been handed in a reply that was lost. */
  private readonly handed = new Set<string>()
  private wasReplyLost = false
  private interruptedAtMs: number

  constructor(
    private readonly redis: RedisClients,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.interruptedAtMs = clock.monotonicMs()
    onInterruption(redis.settlement, () => (this.interruptedAtMs = clock.monotonicMs()))
  }

  /** Creates the consumer group of every stream; again after Redis lost them. */
  async ensureGroups(): Promise<void> {
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      await this.redis.settlement.xgroup('CREATE', `${bucketTag(bucket)}:out`, GROUP, '0', 'MKSTREAM').catch((error: Error) => {
        if (!error.message.startsWith('BUSYGROUP')) throw error
      })
    }
  }

  /**
   * Claims of any bucket: first those handed to this consumer before and not confirmed (their batch failed, or the reply
   * was lost with its connection), else waits up to `blockMs` for new ones.
   */
  async read(consumer: string, most: number, blockMs: number): Promise<OutboxEntry[]> {
    this.blocking ??= await this.openBlocking()
    if (this.handed.size > 0 || this.wasReplyLost) {
      this.wasReplyLost = false
      const again = await this.readFrom('0', consumer, most, 0)
      if (again.length > 0) return again
      this.handed.clear()
    }
    return this.readFrom('>', consumer, most, blockMs)
  }

  private async openBlocking(): Promise<RedisLink> {
    const client = await this.redis.dedicated()
    // A read that was under way is repeated over the next connection, and by then its claims are no longer new.
    onInterruption(client, () => (this.wasReplyLost = true))
    return client
  }

  /** @param from `0` = what was handed to this consumer already, answered at once; `>` = new claims, waited for */
  private async readFrom(from: '0' | '>', consumer: string, most: number, blockMs: number): Promise<OutboxEntry[]> {
    const streams = Array.from({ length: BUCKETS }, (_, bucket) => `${bucketTag(bucket)}:out`)
    if (isCluster(this.blocking!)) return this.readEach(streams, from, consumer, most)
    try {
      const reply = (await this.blocking!.xreadgroup('GROUP', GROUP, consumer, 'COUNT', most, 'BLOCK', Math.max(1, blockMs), 'STREAMS', ...streams, ...streams.map(() => from))) as StreamReply
      const entries = parseStreams(reply)
      for (const { bucket, id } of entries) this.handed.add(`${bucket} ${id}`)
      return entries
    } catch (error) {
      this.wasReplyLost = true
      throw error
    }
  }

  /**
   * A cluster reads no two streams at once that are of different slots, so each is asked, and none waits: the pause between
   * two runs of the worker stands in for it. What nodes answer is taken, whichever of them is away.
   */
  private async readEach(streams: readonly string[], from: '0' | '>', consumer: string, most: number): Promise<OutboxEntry[]> {
    const replies = await Promise.allSettled(streams.map((stream) => this.blocking!.xreadgroup('GROUP', GROUP, consumer, 'COUNT', most, 'STREAMS', stream, from) as Promise<StreamReply>))
    const failed = replies.filter((reply) => reply.status === 'rejected')
    this.wasReplyLost ||= failed.length > 0
    if (failed.length === streams.length) throw failed[0]!.reason
    const entries = replies.flatMap((reply) => (reply.status === 'fulfilled' ? parseStreams(reply.value) : []))
    for (const { bucket, id } of entries) this.handed.add(`${bucket} ${id}`)
    return entries
  }

  /** Takes over claims that another worker read and never confirmed. */
  async takeOver(consumer: string, idleMs: number, most: number): Promise<OutboxEntry[]> {
    const taken = await this.everyBucket(async (bucket) => {
      const [, entries] = (await this.redis.settlement.xautoclaim(`${bucketTag(bucket)}:out`, GROUP, consumer, idleMs, '0', 'COUNT', most)) as [string, RawEntry[]]
      return entries.filter((entry) => entry[1]).map((entry) => parseEntry(bucket, entry))
    })
    return taken.flat()
  }

  async confirm(confirmation: Confirmation): Promise<void> {
    const tag = bucketTag(confirmation.bucket)
    const keys = [`${tag}:un`, `${tag}:out`]
    const sums: (string | number)[] = []
    const index = new Map<string, number>()
    for (const sum of confirmation.sums) {
      index.set(`${sum.tenantId} ${sum.budget}`, index.size + 1)
      const [scope, period] = sum.budget.split('|') as [string, string]
      keys.push(budgetRedisKey(tag, sum.tenantId, scope, period))
      sums.push(nanoCeil(sum.spentPico), Number(sum.version))
    }
    const claims = confirmation.claims.flatMap((claim) => {
      const indexes = claim.budgets.map((budget) => index.get(`${claim.tenantId} ${budget}`)).filter((at) => at !== undefined)
      return [claim.rid, claim.rank, claim.isApplied ? indexes.join(' ') : 'kept']
    })
    const args = [`${tag}:done:`, GROUP, index.size, confirmation.claims.length, confirmation.entryIds.length, ...sums, ...claims, ...confirmation.entryIds]
    await this.confirmScript.run(this.redis.settlement, keys, args)
    for (const id of confirmation.entryIds) this.handed.delete(`${confirmation.bucket} ${id}`)
  }

  /**
   * Claims what died, in every bucket, and frees holds that ran out or whose gateway is dead. Does nothing for the first
   * seconds after Redis was away, or after its own start.
   */
  async sweep(holdMs: number): Promise<{ swept: number; freed: number }> {
    if (this.clock.monotonicMs() - this.interruptedAtMs < QUIET_MS) return { swept: 0, freed: 0 }
    const replies = await this.everyBucket(async (bucket) => {
      const tag = bucketTag(bucket)
      // Most buckets run nothing; asking costs a fiftieth of the script on the in-process server.
      if ((await this.redis.settlement.exists(`${tag}:lease`, `${tag}:hold`)) === 0) return [0, 0]
      await this.endDeadHolds(tag)
      return (await this.sweepScript.run(this.redis.settlement, [`${tag}:lease`, `${tag}:hold`, `${tag}:un`, `${tag}:out`], [tag, holdMs, SWEEP_MOST])) as [number, number]
    })
    const sum = (at: 0 | 1) => replies.reduce((total, reply) => total + Number(reply[at]), 0)
    return { swept: sum(0), freed: sum(1) }
  }

  /**
   * What every bucket answers. On a cluster all are asked at once, and one whose node is away holds up no other; one Redis
   * is asked in turn, and when it is away so are all. @throws when no bucket answers
   */
  private async everyBucket<T>(ask: (bucket: number) => Promise<T>): Promise<T[]> {
    const buckets = Array.from({ length: BUCKETS }, (_, bucket) => bucket)
    const answers: T[] = []
    if (!isCluster(this.redis.settlement)) {
      for (const bucket of buckets) answers.push(await ask(bucket))
      return answers
    }
    const asked = await Promise.allSettled(buckets.map(ask))
    for (const one of asked) if (one.status === 'fulfilled') answers.push(one.value)
    if (answers.length === 0) throw (asked[0] as PromiseRejectedResult).reason
    return answers
  }

  /** Lets holds run out whose gateway gave no sign of life for a minute: it will not deliver what they are held for. */
  private async endDeadHolds(tag: string): Promise<void> {
    const { settlement } = this.redis
    const held = await settlement.zrangebyscore(`${tag}:hold`, '(1', '+inf', 'LIMIT', 0, SWEEP_MOST)
    if (held.length === 0) return
    const owners = await Promise.all(held.map((rid) => settlement.hget(`${tag}:rsv:${rid}`, 'gw')))
    const living = new Map<string, boolean>()
    for (const owner of new Set(owners)) if (owner !== null) living.set(owner, (await settlement.exists(`gw:${owner.split(' ')[0]}`)) === 1)
    for (const [at, rid] of held.entries()) if (!living.get(owners[at] ?? '')) await settlement.zadd(`${tag}:hold`, 'XX', 1, rid)
  }

  /** The time of Redis, which leases and windows go by. */
  async redisTimeMs(): Promise<number> {
    const [seconds, micros] = (await this.redis.settlement.time()) as unknown as [string, string]
    return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
  }

  /** Claims waiting in all streams: the settlement lag in records. */
  async waiting(): Promise<number> {
    const lengths = await Promise.all(Array.from({ length: BUCKETS }, (_, bucket) => this.redis.settlement.xlen(`${bucketTag(bucket)}:out`)))
    return lengths.reduce((sum, length) => sum + length, 0)
  }
}

type RawEntry = [id: string, fields: string[]]
type StreamReply = [key: string, entries: RawEntry[]][] | Record<string, RawEntry[]> | null

/** RESP3 answers a map where RESP2 answers pairs. */
function parseStreams(reply: StreamReply): OutboxEntry[] {
  if (!reply) return []
  const pairs = Array.isArray(reply) ? reply : Object.entries(reply)
  // An entry whose fields are gone was deleted: confirmed by somebody else.
  return pairs.flatMap(([key, entries]) => entries.filter(([, fields]) => fields).map((entry) => parseEntry(Number(key.slice(2, 4)), entry)))
}

function parseEntry(bucket: number, [id, fields]: RawEntry): OutboxEntry {
  const at = fields.indexOf('at')
  return { id, bucket, claim: fields[fields.indexOf('claim') + 1]!, admittedAtMs: at >= 0 ? Number(fields[at + 1]) : null }
}
