import { join } from 'node:path'
import { Inject, Injectable } from '@nestjs/common'
import type { Ids } from '@tollgate/kernel'
import { IDS } from '@tollgate/platform/clock'
import { LuaScript, RedisClients } from '@tollgate/platform/redis'
import type { TargetHealth } from '../domain/target-health'

const DAY_MS = 86_400_000
const WEEK_MS = 7 * DAY_MS
const PROBE = 'probe'
const MEMORY = 'memory'

/** A target's health with the version it had in Redis; a write names the version it is based on. */
export interface Versioned {
  readonly version: number
  readonly health: TargetHealth
}

/** How the last probe went. */
export interface ProbeNote {
  readonly atMs: number
  readonly isReachable: boolean
  readonly latencyMs: number
  readonly error: string | null
  /** Models in memory; absent where the host did not say. */
  readonly loaded?: readonly string[]
}

/** All that is live about one host. `targets` is keyed by `''` for the host itself and by model. */
export interface HostHealth {
  readonly targets: ReadonlyMap<string, Versioned>
  readonly probe: ProbeNote | null
  /** What it had in memory right after a call had it load a model. */
  readonly memory: MemoryNote | null
}

/** Models in a host's memory, as it said itself. */
export interface MemoryNote {
  readonly atMs: number
  readonly models: readonly string[]
}

/** Calls to one model on one host, to be added to its totals. */
export interface CallTotals {
  readonly model: string
  readonly total: number
  readonly failed: number
  readonly latencyMs: number
  readonly lastUsedMs: number
  readonly lastError: string | null
  readonly lastErrorMs: number
}

/** The health of hosts in Redis: `health:{<host>}` (circuits, last probe) and `health:{<host>}:totals`, one slot a host. */
@Injectable()
export class HealthStore {
  private readonly swapScript = LuaScript.load(join(__dirname, 'lua', 'swap.lua'))
  private readonly countScript = LuaScript.load(join(__dirname, 'lua', 'count.lua'))

  constructor(
    private readonly redis: RedisClients,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /** What is live about these hosts, in one round trip. @throws when Redis is away */
  async read(hostIds: readonly string[]): Promise<Map<string, HostHealth>> {
    const hashes = await Promise.all(hostIds.map((id) => this.redis.notices.hgetall(`health:{${id}}`)))
    return new Map(hostIds.map((id, i) => [id, healthOf(hashes[i]!)]))
  }

  /** Writes a target's health when it still has the version it is based on. @returns null, or what stands there instead */
  async swap(hostId: string, model: string, based: number, health: TargetHealth): Promise<Versioned | 'absent' | null> {
    const [done, present] = (await this.swapScript.run(this.redis.notices, [`health:{${hostId}}`], [`of ${model}`, based, JSON.stringify(health), DAY_MS])) as [number, string?]
    return done === 1 ? null : (versioned(present ?? '') ?? 'absent')
  }

  async noteProbe(hostId: string, note: ProbeNote): Promise<void> {
    await this.write(hostId, PROBE, note)
  }

  async noteMemory(hostId: string, note: MemoryNote): Promise<void> {
    await this.write(hostId, MEMORY, note)
  }

  private async write(hostId: string, field: string, note: ProbeNote | MemoryNote): Promise<void> {
    const key = `health:{${hostId}}`
    await this.redis.notices.hset(key, field, JSON.stringify(note))
    await this.redis.notices.pexpire(key, DAY_MS)
  }

  async count(hostId: string, totals: readonly CallTotals[]): Promise<void> {
    const args = totals.flatMap(({ model, total, failed, latencyMs, lastUsedMs, lastError, lastErrorMs }) => [
      model, total, failed, Math.round(latencyMs), lastUsedMs, lastErrorMs > 0 ? JSON.stringify({ at: lastErrorMs, text: lastError }) : '',
    ])
    await this.countScript.run(this.redis.notices, [totalsKey(hostId)], [this.ids.uuid(), WEEK_MS, ...args])
  }

  /** Totals since the epoch they name, by model; null when nothing was counted. */
  async totals(hostId: string): Promise<{ epoch: string; models: CallTotals[] } | null> {
    const fields = await this.redis.notices.hgetall(totalsKey(hostId))
    if (!fields.epoch) return null
    const models = Object.keys(fields).flatMap((field) => {
      if (!field.startsWith('total ')) return []
      const model = field.slice('total '.length)
      const error = JSON.parse(fields[`error ${model}`] ?? '{"at":0,"text":null}') as { at: number; text: string | null }
      const number = (name: string) => Number(fields[`${name} ${model}`] ?? 0)
      return [{ model, total: number('total'), failed: number('failed'), latencyMs: number('latency'), lastUsedMs: number('used'), lastError: error.text, lastErrorMs: error.at }]
    })
    return { epoch: fields.epoch, models }
  }
}

function totalsKey(hostId: string): string {
  return `health:{${hostId}}:totals`
}

function healthOf(fields: Record<string, string>): HostHealth {
  const targets = new Map<string, Versioned>()
  for (const [field, value] of Object.entries(fields)) {
    const read = field.startsWith('of ') ? versioned(value) : null
    if (read) targets.set(field.slice('of '.length), read)
  }
  return { targets, probe: fields[PROBE] ? (JSON.parse(fields[PROBE]) as ProbeNote) : null, memory: fields[MEMORY] ? (JSON.parse(fields[MEMORY]) as MemoryNote) : null }
}

function versioned(text: string): Versioned | null {
  const space = text.indexOf(' ')
  return space < 0 ? null : { version: Number(text.slice(0, space)), health: JSON.parse(text.slice(space + 1)) as TargetHealth }
}
