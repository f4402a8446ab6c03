import { join } from 'node:path'
import { migrate } from '../../libs/platform/postgres'
import { freePort } from '../support/eventually'
import { installBuild } from '../support/installation'
import { Mortal } from '../support/mortal'
import { addTenant, markBorn, SECRET, seedUpstreams, type SeededTenant } from '../support/seeding'
import { spawnApp } from '../support/spawn-app'
import { tempFolder } from '../support/temp-folder'
import type { FleetRedis } from './fleet-redis'
import { MortalPostgres } from './services'

/** Every host holds these. */
export const FLEET_MODELS = ['phi3', 'llama3.2']
/** Milliseconds per token of every host. */
const GAP_MS = 10
const STARTS = 20
const HOSTS = [
  { name: 'us-1', region: 'us-east' },
  { name: 'us-2', region: 'us-east' },
  { name: 'eu-1', region: 'eu-west' },
]

/** A process with an address. */
export interface Post {
  process: Mortal
  /** What runs here after the next restart: the same, or the release that follows. */
  readonly successor: Mortal
  readonly url: string
  /** When it died and was back, ms of the monotonic clock; the last may still be dead. */
  readonly deaths: { readonly fromMs: number; toMs: number }[]
}

/** What a fleet is made of. */
export interface FleetWish {
  readonly redis: (folder: string) => Promise<FleetRedis>
  /** A checkout of an earlier release with its build: the fleet begins as that one, until `upgrade`. */
  readonly old?: string
}

/** Two gateways (more on demand), three Ollama hosts and a worker, each a process of its own, with probes on; private Redis and Postgres. */
export class FleetRig {
  private constructor(
    readonly gateways: Post[],
    readonly hosts: ReadonlyMap<string, Post>,
    readonly worker: Post,
    readonly redis: FleetRedis,
    readonly postgres: MortalPostgres,
    private readonly make: (app: 'gateway' | 'worker', name: string) => Promise<Post>,
    private readonly release: () => Promise<void>,
  ) {}

  /** When Redis, or of a cluster a master, was away, as `Post.deaths`. */
  readonly redisDeaths: { readonly fromMs: number; toMs: number }[] = []

  static async start(wish: FleetWish): Promise<FleetRig> {
    const undo: (() => unknown)[] = []
    const release = async () => {
      for (const step of undo.splice(0).reverse()) await step()
    }
    const keep = <T>(thing: T, step: (thing: T) => unknown): T => (undo.push(() => step(thing)), thing)
    try {
      const installation = keep(installBuild(), ({ remove }) => remove()).path
      const folder = keep(tempFolder(), ({ remove }) => remove())
      const redis = keep(await wish.redis(join(folder.path, 'redis')), (one) => one.stop())
      const postgres = keep(await MortalPostgres.start(join(folder.path, 'postgres'), wish.old === undefined ? migrate : migrateBy(wish.old)), (one) => one.stop())
      const hosts = new Map<string, Post>()
      for (const { name, region } of HOSTS) {
        const port = await freePort()
        const args = [JSON.stringify({ hosts: [{ name, region, port, dialect: 'ollama', models: FLEET_MODELS, defaults: { gap: GAP_MS } }] })]
        const process = new Mortal(name, 'apps/sandbox/src/main', {}, { ready: /"ready":true/, installation, args })
        hosts.set(name, keep({ process, successor: process, url: `http://127.0.0.1:${port}`, deaths: [] }, () => process.stop()))
      }
      await postgres.withOwner(async (owner) => {
        await seedUpstreams(owner, HOSTS.map((host) => ({ ...host, dialect: 'ollama', models: FLEET_MODELS, baseUrl: hosts.get(host.name)!.url })))
        // Calls whose host dies before it answers are sent to another one: the operator says for each model whether they may be.
        if (wish.old === undefined) await owner.query('UPDATE model SET retry_ambiguous = true')
      })
      await markBorn(redis.url)
      const env = environment(postgres, redis)
      const make = async (app: 'gateway' | 'worker', name: string): Promise<Post> => {
        const port = await freePort()
        const of = (build: string) => new Mortal(name, `apps/${app}/src/main`, { ...env, PORT: String(port) }, { installation: build })
        const successor = of(installation)
        return keep({ process: wish.old === undefined ? successor : of(wish.old), successor, url: `http://127.0.0.1:${port}`, deaths: [] } as Post, (post) => post.process.stop())
      }
      const gateways = [await make('gateway', 'gateway 1'), await make('gateway', 'gateway 2')]
      const worker = await make('worker', 'worker')
      await Promise.all([...hosts.values()].map(({ process }) => process.start()))
      await Promise.all([...gateways, worker].map(({ process }) => raise(process)))
      return new FleetRig(gateways, hosts, worker, redis, postgres, make, release)
    } catch (error) {
      await release()
      throw error
    }
  }

  async tenant(): Promise<SeededTenant> {
    return this.postgres.withOwner((owner) => addTenant(owner, { tier: 'enterprise' }))
  }

  /** One more, which is called like the others from now on. */
  async addGateway(): Promise<void> {
    const gateway = await this.make('gateway', `gateway ${this.gateways.length + 1}`)
    await raise(gateway.process)
    this.gateways.push(gateway)
  }

  /** `kill -9`, a while of death, and a start again. */
  async fell(post: Post, forMs: number): Promise<void> {
    const death = { fromMs: performance.now(), toMs: Infinity }
    post.deaths.push(death)
    await post.process.die()
    await new Promise((resolve) => setTimeout(resolve, forMs))
    await raise(post.process)
    death.toMs = performance.now()
  }

  /** As `fell`, of Redis. */
  async fellRedis(random: () => number): Promise<void> {
    const death = { fromMs: performance.now(), toMs: Infinity }
    this.redisDeaths.push(death)
    await this.redis.fell(random)
    death.toMs = performance.now()
  }

  /** SIGTERM, and a start again when it has ended. @returns its exit code */
  async restart(post: Post): Promise<number | null> {
    const code = await post.process.leave()
    post.process = post.successor
    await raise(post.process)
    return code
  }

  /** The database of this release, under the processes of the one before. */
  async upgrade(): Promise<void> {
    await migrate({ url: this.postgres.url, rolePassword: this.postgres.rolePassword })
  }

  async stop(): Promise<void> {
    await this.release()
  }
}

/** Starts a process as often as it takes, as a supervisor would. */
async function raise(process: Mortal): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await process.start()
    } catch (error) {
      if (tries === STARTS) throw error
    }
  }
}

/** Migrates as an earlier release does. */
function migrateBy(installation: string): typeof migrate {
  return async ({ url, rolePassword }) => {
    const app = await spawnApp('apps/migrate/src/main', { DATABASE_URL: url, TOLLGATE_DB_PASSWORD: rolePassword! }, { line: /Applied/ }, { installation })
    if ((await app.exited) !== 0) throw new Error(`the earlier release did not migrate: ${app.output()}`)
    return []
  }
}

function environment(postgres: MortalPostgres, redis: FleetRedis): Record<string, string> {
  return {
    HOST: '127.0.0.1',
    LOG_LEVEL: 'warn',
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    TOLLGATE_DB_PASSWORD: postgres.rolePassword,
    TOLLGATE_KEY_PEPPER: SECRET,
    TOLLGATE_JWT_SECRET: SECRET,
    TOLLGATE_SECRETS_KEY: SECRET,
    TOLLGATE_ALLOW_LOOPBACK_HOSTS: 'true',
    TOLLGATE_PROBE_INTERVAL_MS: '500',
    TOLLGATE_REDIS_TIMEOUT_MS: '2000',
    TOLLGATE_CHECKPOINT_MS: '200',
    TOLLGATE_DRAIN_NOTICE_MS: '200',
    // A hundred streams of eight seconds: a machine that is slow needs longer than the default.
    TOLLGATE_DRAIN_TIMEOUT_MS: '120000',
    PREFERRED_PROVIDER: 'ollama',
  }
}
