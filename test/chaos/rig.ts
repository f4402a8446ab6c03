import { join } from 'node:path'
import type { Client } from 'pg'
import type { SandboxHostOptions } from '../../apps/sandbox/src'
import { freePort } from '../support/eventually'
import { FaultProxy } from '../support/fault-proxy'
import { installBuild } from '../support/installation'
import { Mortal } from '../support/mortal'
import { addTenant, markBorn, SECRET, seedUpstreams, type SeededTenant } from '../support/seeding'
import { tempFolder } from '../support/temp-folder'
import { CHAOS_MODELS } from './calls'
import type { ChaosTenant } from './scenarios'
import { MortalPostgres, MortalRedis } from './services'
import { Upstream } from './upstream'

/** Short, so that a run of a minute sees many leases run out. The longest call decides how long a hold is kept. */
export const LEASE_MS = 1_500
export const CHECKPOINT_MS = 100
export const TOTAL_TIMEOUT_MS = 6_000
/** Milliseconds per token of every upstream. */
export const GAP_MS = 10

const HOSTS: readonly SandboxHostOptions[] = (['ollama', 'openai'] as const).flatMap((dialect) =>
  ([['us', 'us-east'], ['eu', 'eu-west']] as const).map(([short, region]) => ({ name: `${dialect}-${short}`, region, dialect, models: [...CHAOS_MODELS], defaults: { gap: GAP_MS } })),
)
const REVIVE_TRIES = 60
const REVIVE_PAUSE_MS = 250

/** A tenant of a run with its terms in figures. */
export type RunTenant = SeededTenant & { readonly name: string; readonly limitPico: bigint | null }

/** A gateway or worker with its own way to Redis. */
export interface Member {
  readonly process: Mortal
  readonly proxy: FaultProxy
  readonly url: string
}

/** What a rig is made of beyond gateways and workers, and how to stop it. */
interface Services {
  readonly folder: string
  readonly redis: MortalRedis
  readonly postgres: MortalPostgres
  readonly upstream: Upstream
}

/** A clustered installation of real processes on private services, built to be hurt. */
export class Rig {
  private constructor(
    private readonly services: Services,
    readonly gateways: readonly Member[],
    readonly workers: readonly Member[],
    private readonly release: () => Promise<void>,
  ) {}

  /** @param wish `logLevel` of gateways and workers, whose output is kept; `prepare` = what they are to find in the database */
  static async start(wish: { gateways: number; workers: number; logLevel?: string; prepare?: (owner: Client) => Promise<unknown> }): Promise<Rig> {
    const undo: (() => unknown)[] = []
    const release = async () => {
      for (const step of undo.splice(0).reverse()) await step()
    }
    const keep = <T>(thing: T, step: (thing: T) => unknown): T => (undo.push(() => step(thing)), thing)
    try {
      const installation = keep(installBuild(), ({ remove }) => remove())
      const folder = keep(tempFolder(), ({ remove }) => remove())
      const redis = keep(await MortalRedis.start(join(folder.path, 'redis')), (one) => one.stop())
      const postgres = keep(await MortalPostgres.start(join(folder.path, 'postgres')), (one) => one.stop())
      const upstream = keep(await Upstream.start(installation.path, join(folder.path, 'upstream.jsonl'), HOSTS), (one) => one.stop())
      await postgres.withOwner((owner) => seedUpstreams(owner, upstream.hosts.map(({ name, baseUrl }) => ({ ...HOSTS.find((host) => host.name === name)!, baseUrl }))))
      await postgres.withOwner(async (owner) => wish.prepare?.(owner))
      await markBorn(redis.url)
      const env = { ...environment(postgres), LOG_LEVEL: wish.logLevel ?? 'warn' }
      const member = async (app: 'gateway' | 'worker', index: number): Promise<Member> => {
        const proxy = keep(await FaultProxy.start(redis.url), (one) => one.stop())
        const port = await freePort()
        const process = new Mortal(`${app} ${index}`, `apps/${app}/src/main`, { ...env, REDIS_URL: proxy.url, PORT: String(port) }, { installation: installation.path })
        return keep({ process, proxy, url: `http://127.0.0.1:${port}` }, () => process.stop())
      }
      const make = async (app: 'gateway' | 'worker', count: number) => {
        const members: Member[] = []
        for (let index = 0; index < count; index++) members.push(await member(app, index))
        return members
      }
      const [gateways, workers] = [await make('gateway', wish.gateways), await make('worker', wish.workers)]
      await Promise.all([...gateways, ...workers].map(({ process }) => process.start()))
      return new Rig({ folder: folder.path, redis, postgres, upstream }, gateways, workers, release)
    } catch (error) {
      await release()
      throw error
    }
  }

  get redis(): MortalRedis {
    return this.services.redis
  }

  get postgres(): MortalPostgres {
    return this.services.postgres
  }

  get upstream(): Upstream {
    return this.services.upstream
  }

  get members(): readonly Member[] {
    return [...this.gateways, ...this.workers]
  }

  /** Where call number `index` goes: round robin over the gateways that are alive, frozen ones included. */
  urlOf(index: number): string {
    const { length } = this.gateways
    const order = Array.from({ length }, (_, step) => this.gateways[(index + step) % length]!)
    return (order.find(({ process }) => process.isAlive) ?? order[0]!).url
  }

  async tenants(wishes: readonly ChaosTenant[], loadMs: number): Promise<RunTenant[]> {
    return this.postgres.withOwner(async (owner) => {
      const tenants: RunTenant[] = []
      for (const { name, budget } of wishes) {
        const limitPico = budget === null ? null : budget === 'never' ? 10n ** 15n : (budget * BigInt(Math.round(loadMs))) / 1_000n
        tenants.push({ ...(await addTenant(owner, { tier: 'enterprise', ...(limitPico === null ? {} : { budgetPico: limitPico }) })), name, limitPico })
      }
      return tenants
    })
  }

  /** Starts a dead process again, as often as it takes, as a supervisor would: it refuses to run without its services. */
  async revive({ process }: Member): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await process.start()
      } catch (error) {
        if (tries === REVIVE_TRIES) throw error
        await new Promise((resolve) => setTimeout(resolve, REVIVE_PAUSE_MS))
      }
    }
  }

  async stop(): Promise<void> {
    for (const { process } of this.members) process.thaw()
    await this.release()
  }
}

function environment(postgres: MortalPostgres): Record<string, string> {
  return {
    HOST: '127.0.0.1',
    DATABASE_URL: postgres.url,
    TOLLGATE_DB_PASSWORD: postgres.rolePassword,
    TOLLGATE_KEY_PEPPER: SECRET,
    TOLLGATE_JWT_SECRET: SECRET,
    TOLLGATE_SECRETS_KEY: SECRET,
    TOLLGATE_ALLOW_LOOPBACK_HOSTS: 'true',
    PREFERRED_PROVIDER: 'ollama',
    // Discovery would forget the models that stand for behaviours.
    OLLAMA_AUTO_HEALTH_CHECK: 'false',
    TOLLGATE_CHECKPOINT_MS: String(CHECKPOINT_MS),
    TOLLGATE_LEASE_MS: String(LEASE_MS),
    TOLLGATE_TOTAL_TIMEOUT_MS: String(TOTAL_TIMEOUT_MS),
  }
}
