import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import { readSecret } from '../../libs/platform/embedded/data-folder'
import { superuserUrl } from '../../libs/platform/embedded/postgres-server'
import { eventually, freePort } from '../support/eventually'
import { installBuild } from '../support/installation'
import { Mortal } from '../support/mortal'
import { tempFolder } from '../support/temp-folder'
import { CHECKPOINT_MS, GAP_MS, LEASE_MS, TOTAL_TIMEOUT_MS } from './rig'
import { Upstream } from './upstream'

/** The one model of its upstream. */
export const MODEL = 'llama3.2'

/** A whole installation in one process, its upstream in another, which outlives it and is the truth of a run. */
export class Installation {
  private constructor(
    readonly process: Mortal,
    readonly url: string,
    readonly dataDir: string,
    readonly upstream: Upstream,
    private readonly undo: (() => unknown)[],
  ) {}

  /** @param words of an answer that is not cut short */
  static async start(words: number): Promise<Installation> {
    const build = installBuild()
    const folder = tempFolder()
    // Plays the real Ollama that the installation finds.
    const upstream = await Upstream.start(build.path, join(folder.path, 'upstream.jsonl'), [{ name: 'ollama', region: 'us-east', dialect: 'ollama', models: [MODEL], defaults: { gap: GAP_MS, words } }])
    const dataDir = join(folder.path, 'data')
    const port = String(await freePort())
    const env = {
      TOLLGATE_DATA_DIR: dataDir, HOST: '127.0.0.1', PORT: port, LOG_LEVEL: 'warn', OLLAMA_BASE_URL: upstream.hosts[0]!.baseUrl, OLLAMA_DEFAULT_MODEL: MODEL,
      TOLLGATE_LEASE_MS: String(LEASE_MS), TOLLGATE_CHECKPOINT_MS: String(CHECKPOINT_MS), TOLLGATE_TOTAL_TIMEOUT_MS: String(TOTAL_TIMEOUT_MS),
      // Its Redis dies with it and is never hurt alone: what is slow here is a busy machine.
      TOLLGATE_REDIS_TIMEOUT_MS: '15000',
    }
    const mortal = new Mortal('installation', 'apps/standalone/src/main', env, { ready: /Ctrl-C stops everything/, timeoutMs: 90_000, installation: build.path })
    const installation = new Installation(mortal, `http://127.0.0.1:${port}`, dataDir, upstream, [() => folder.remove(), () => build.remove(), () => upstream.stop(), () => mortal.stop()])
    await mortal.start()
    return installation
  }

  /** `kill -9` of the process with everything in it, and its next start. */
  async dieAndReturn(): Promise<void> {
    await this.process.die()
    await this.process.start()
  }

  /** Kills one backend of its Postgres, which then ends all of them and recovers. Resolves when it takes connections again. */
  async crashPostgres(): Promise<void> {
    await this.withOwner(async (owner) => {
      const { rows } = await owner.query<{ pid: number }>(`SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1`)
      const isOver = new Promise<void>((resolve) => owner.once('end', resolve))
      process.kill(rows[0]!.pid, 'SIGKILL')
      await isOver
    })
    await eventually(() => this.withOwner((owner) => owner.query('SELECT 1')), { timeoutMs: 30_000 })
  }

  async withOwner<T>(work: (owner: Client) => Promise<T>): Promise<T> {
    const { port, password } = readSecret(join(this.dataDir, 'postgres'))
    const owner = new Client({ connectionString: superuserUrl(port, password) })
    owner.on('error', () => undefined)
    await owner.connect()
    try {
      return await work(owner)
    } finally {
      await owner.end()
    }
  }

  /** What its API keys are hashed with. */
  get pepper(): string {
    return (JSON.parse(readFileSync(join(this.dataDir, 'secrets.json'), 'utf8')) as { keyPepper: string }).keyPepper
  }

  /** Its private Redis, as its configuration file tells; null for the server inside the process, which has none. */
  get redisUrl(): string | null {
    const folder = join(this.dataDir, 'redis')
    const conf = readdirSync(folder).map((name) => join(folder, name, 'redis.conf')).flatMap((path) => {
      try {
        return [readFileSync(path, 'utf8')]
      } catch {
        return []
      }
    })[0]
    if (conf === undefined) return null
    return `redis://:${/^requirepass (\S+)$/m.exec(conf)![1]}@127.0.0.1:${/^port (\d+)$/m.exec(conf)![1]}/0`
  }

  async stop(): Promise<void> {
    for (const step of this.undo.reverse()) await step()
  }
}
