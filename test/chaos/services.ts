import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import { startEmbeddedPostgres, startPrivateRedis, type EmbeddedPostgres, type PrivateRedis } from '../../libs/platform/embedded'
import { migrate } from '../../libs/platform/postgres'

/** A private Redis with append-only file that is killed, wiped and started again at the same address. */
export class MortalRedis {
  private constructor(
    private readonly dir: string,
    private server: PrivateRedis,
  ) {}

  static async start(dir: string): Promise<MortalRedis> {
    return new MortalRedis(dir, await startPrivateRedis({ dir, kind: 'server', appendOnly: true }))
  }

  get url(): string {
    return this.server.url
  }

  /** `kill -9`; nothing acknowledged is lost, since the operating system lives on. */
  async die(): Promise<void> {
    await this.server.kill()
  }

  /** Forgets everything; only while it is dead. */
  wipe(): void {
    for (const name of ['appendonlydir', 'appendonly.aof', 'dump.rdb']) rmSync(join(this.dir, name), { recursive: true, force: true })
  }

  async revive(): Promise<void> {
    const { url } = this.server
    this.server = await startPrivateRedis({ dir: this.dir, kind: 'server', appendOnly: true })
    if (this.server.url !== url) throw new Error('the private Redis came back at another port: somebody took the one it had')
  }

  async stop(): Promise<void> {
    await this.server.kill()
  }
}

/** A private Postgres that syncs its commits, is stopped at once and started again at the same address. */
export class MortalPostgres {
  private constructor(
    private readonly dir: string,
    private server: EmbeddedPostgres,
    /** Of the log-ins tg_app, tg_admin and tg_worker. */
    readonly rolePassword: string,
  ) {}

  /** Starts it with one database, migrated by `bring`. */
  static async start(dir: string, bring: typeof migrate = migrate): Promise<MortalPostgres> {
    const server = await startEmbeddedPostgres({ dataDir: dir, durability: 'safe' })
    const postgres = new MortalPostgres(dir, server, randomBytes(12).toString('hex'))
    const client = new Client({ connectionString: server.url })
    await client.connect()
    await client.query('CREATE DATABASE tollgate')
    await client.end()
    await bring({ url: postgres.url, rolePassword: postgres.rolePassword })
    return postgres
  }

  /** The superuser in our database. */
  get url(): string {
    const url = new URL(this.server.url)
    url.pathname = '/tollgate'
    return url.href
  }

  /** As `pg_ctl stop -m immediate`: no session ends in order, the next start recovers from its log. */
  async die(): Promise<void> {
    const lock = join(this.server.dataDir, 'postmaster.pid')
    if (existsSync(lock)) process.kill(Number(readFileSync(lock, 'utf8').split('\n')[0]), 'SIGQUIT')
    await this.server.stop()
  }

  async revive(): Promise<void> {
    const { url } = this.server
    this.server = await startEmbeddedPostgres({ dataDir: this.dir, durability: 'safe' })
    if (this.server.url !== url) throw new Error('the private Postgres came back at another port: somebody took the one it had')
  }

  /** Runs `work` with a connection of the superuser. */
  async withOwner<T>(work: (owner: Client) => Promise<T>): Promise<T> {
    const owner = new Client({ connectionString: this.url })
    owner.on('error', () => undefined)
    await owner.connect()
    try {
      return await work(owner)
    } finally {
      await owner.end()
    }
  }

  async stop(): Promise<void> {
    await this.server.stop()
    rmSync(this.server.dataDir, { recursive: true, force: true })
  }
}
