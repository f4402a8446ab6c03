import { join } from 'node:path'
import { freePort } from '../support/eventually'
import { installBuild } from '../support/installation'
import { Mortal } from '../support/mortal'
import { addTenant, markBorn, SECRET, seedUpstreams, type SeededTenant } from '../support/seeding'
import { tempFolder } from '../support/temp-folder'
import { MortalPostgres, MortalRedis } from './services'

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
  readonly process: Mortal
  readonly url: string
  /** When it died and was back, ms of the monotonic clock; the last may still be dead. */
  readonly deaths: { readonly fromMs: number; toMs: number }[]
}

/** Two gateways (a third on demand), three Ollama hosts and a worker, each a process of its own, with probes on; private Redis and Postgres. */
export class FleetRig {
  private constructor(
    readonly gateways: Post[],
    readonly hosts: ReadonlyMap<string, Post>,
    readonly worker: Mortal,
    readonly redis: MortalRedis,
    readonly postgres: MortalPostgres,
    private readonly newGateway: () => Promise<Post>,
    private readonly release: () => Promise<void>,
  ) {}

  static async start(): Promise<FleetRig> {
    const undo: (() => unknown)[] = []
    const release = async () => {
      for (const step of undo.splice(0).reverse()) await step()
    }
    const keep = <T>(thing: T, step: (thing: T) => unknown): T => (undo.push(() => step(thing)), thing)
    try {
      const installation = keep(installBuild(), ({ remove }) => remove()).path
      const folder = keep(tempFolder(), ({ remove }) => remove())
      const redis = keep(await MortalRedis.start(join(folder.path, 'redis')), (one) => one.stop())
      const postgres = keep(await MortalPostgres.start(join(folder.path, 'postgres')), (one) => one.stop())
      const hosts = new Map<string, Post>()
      for (const { name, region } of HOSTS) {
        const port = await freePort()
        const args = [JSON.stringify({ hosts: [{ name, region, port, dialect: 'ollama', models: FLEET_MODELS, defaults: { gap: GAP_MS } }] })]
        const process = new Mortal(name, 'apps/sandbox/src/main', {}, { ready: /"ready":true/, installation, args })
        hosts.set(name, keep({ process, url: `http://127.0.0.1:${port}`, deaths: [] }, () => process.stop()))
      }
      await postgres.withOwner(async (owner) => {
        await seedUpstreams(owner, HOSTS.map((host) => ({ ...host, dialect: 'ollama', models: FLEET_MODELS, baseUrl: hosts.get(host.name)!.url })))
        // Calls whose host dies before it answers are sent to another one: the operator says for each model whether they may be.
        await owner.query('UPDATE model SET retry_ambiguous = true')
      })
      await markBorn(redis.url)
      const env = environment(postgres, redis)
      const gateways: Post[] = []
      const newGateway = async () => {
        const port = await freePort()
        const process = new Mortal(`gateway ${gateways.length + 1}`, 'apps/gateway/src/main', { ...env, PORT: String(port) }, { installation })
        return keep({ process, url: `http://127.0.0.1:${port}`, deaths: [] }, () => process.stop())
      }
      for (let number = 1; number <= 2; number++) gateways.push(await newGateway())
      const worker = new Mortal('worker', 'apps/worker/src/main', env, { installation })
      keep(worker, (one) => one.stop())
      await Promise.all([...hosts.values()].map(({ process }) => process.start()))
      await Promise.all([...gateways.map(({ process }) => process.start()), worker.start()])
      return new FleetRig(gateways, hosts, worker, redis, postgres, newGateway, release)
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
    const gateway = await this.newGateway()
    await this.raise(gateway.process)
    this.gateways.push(gateway)
  }

  /** `kill -9`, a while of death, and a start again. */
  async fell(post: Post, forMs: number): Promise<void> {
    const death = { fromMs: performance.now(), toMs: Infinity }
    post.deaths.push(death)
    await post.process.die()
    await new Promise((resolve) => setTimeout(resolve, forMs))
    await this.raise(post.process)
    death.toMs = performance.now()
  }

  /** Starts a process as often as it takes, as a supervisor would. */
  async raise(process: Mortal): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await process.start()
      } catch (error) {
        if (tries === STARTS) throw error
      }
    }
  }

  async stop(): Promise<void> {
    await this.release()
  }
}

function environment(postgres: MortalPostgres, redis: MortalRedis): Record<string, string> {
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
    TOLLGATE_REDIS_TIMEOUT_MS: '1000',
    TOLLGATE_CHECKPOINT_MS: '200',
    TOLLGATE_DRAIN_NOTICE_MS: '200',
    PREFERRED_PROVIDER: 'ollama',
  }
}
