import { DataSource, type EntityManager, type EntitySchema } from 'typeorm'
import { checkApplied, MigrationError } from './migrate'

/** What a store may use inside a transaction: TypeORM's manager, already in the right tenant's context. */
export type Tx = EntityManager

/** The log-in role of a process: gateway tg_app, control plane tg_admin, worker tg_worker. */
export type DatabaseRole = 'tg_app' | 'tg_admin' | 'tg_worker'

/** Statement limit for interactive work; settlement and reports set their own. */
const STATEMENT_TIMEOUT_MS = 10_000
const CONNECT_TIMEOUT_MS = 3_000

/**
 * The only way to Postgres. Tenant work runs in `withTenant`, which sets the row-security context for exactly one
 * transaction; `asPlatform` sets none (tg_app then sees platform tables only, tg_admin and tg_worker see all tenants).
 */
export class Database {
  private constructor(
    private readonly source: DataSource,
    readonly role: DatabaseRole,
  ) {}

  /**
   * Connects, and refuses a dangerous or unprepared database: a superuser, owner or BYPASSRLS log-in, or migrations
   * that are missing or newer. @throws MigrationError, or the driver's connection error
   */
  static async connect(options: { url: string; role: DatabaseRole; entities: EntitySchema[]; poolSize: number; password?: string; onError?: (error: Error) => void }): Promise<Database> {
    const source = new DataSource({
      type: 'postgres',
      url: options.password ? withCredentials(options.url, options.role, options.password) : options.url,
      entities: options.entities,
      applicationName: `tollgate ${options.role}`,
      connectTimeoutMS: CONNECT_TIMEOUT_MS,
      poolErrorHandler: (error: Error) => options.onError?.(error),
      extra: { max: options.poolSize, statement_timeout: STATEMENT_TIMEOUT_MS, keepAlive: true },
    })
    await source.initialize()
    surviveRestarts(source, options.onError)
    const database = new Database(source, options.role)
    try {
      await database.refuseDangerousRole()
      checkApplied(await database.appliedMigrations())
    } catch (error) {
      await source.destroy()
      throw error
    }
    return database
  }

  /** Runs `work` in one transaction that can see and change only this tenant's rows. */
  async withTenant<T>(tenantId: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.source.transaction(async (tx) => {
      await tx.query(`SELECT set_config('app.tenant', $1, true)`, [tenantId])
      return work(tx)
    })
  }

  /** Runs `work` in one transaction without a tenant. */
  async asPlatform<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.source.transaction(work)
  }

  /** One statement without a tenant and without a transaction of its own: look-ups and snapshots. */
  async query<Row>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    return this.source.query(sql, parameters) as Promise<Row[]>
  }

  /** True when a round trip succeeds now. */
  async isReachable(): Promise<boolean> {
    return this.source.query('SELECT 1').then(
      () => true,
      () => false,
    )
  }

  async close(): Promise<void> {
    if (this.source.isInitialized) await this.source.destroy()
  }

  private async appliedMigrations(): Promise<string[]> {
    try {
      const rows = await this.query<{ name: string }>('SELECT name FROM schema_migration ORDER BY id')
      return rows.map((row) => row.name)
    } catch (error) {
      if (String(error).includes('does not exist') || String(error).includes('permission denied')) return []
      throw error
    }
  }

  private async refuseDangerousRole(): Promise<void> {
    const [row] = await this.query<{ name: string; dangerous: boolean; member: boolean }>(
      `SELECT session_user::text AS name,
         (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = session_user)
           OR EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'tg_owner' AND pg_has_role(session_user, oid, 'MEMBER')) AS dangerous,
         EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1 AND pg_has_role(session_user, oid, 'MEMBER')) AS member`,
      [this.role],
    )
    const way = `Set TOLLGATE_DB_PASSWORD (the one given to \`npm run migrate\`) so that this process logs in as ${this.role}, or put that log-in into DATABASE_URL.`
    if (row!.dangerous) throw new MigrationError(`DATABASE_URL logs in as "${row!.name}", which is superuser, owner of the tables or bypasses row security: tenants would not be isolated. ${way}`)
    if (!row!.member) throw new MigrationError(`DATABASE_URL logs in as "${row!.name}", which is not ${this.role}. ${way}`)
  }
}

/** The same database under another log-in. */
export function withCredentials(url: string, user: string, password: string): string {
  const parsed = new URL(url)
  parsed.username = encodeURIComponent(user)
  parsed.password = encodeURIComponent(password)
  return parsed.toString()
}

/** A Postgres restart raises `error` on checked-out clients; without a handler on each the process would exit (F78). */
function surviveRestarts(source: DataSource, onError?: (error: Error) => void): void {
  const pool = (source.driver as unknown as { master: { on(event: 'connect', handler: (client: { on(event: 'error', handler: (error: Error) => void): void }) => void): void } }).master
  pool.on('connect', (client) => client.on('error', (error) => onError?.(error)))
}
