import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { migrationFiles } from '../../libs/platform/postgres'
import { databaseUrl, serviceAddresses } from '../support/services'

/** A database that stands before a migration: fill it as an installation of that time may have it, migrate, look. */
export class HalfMigrated {
  private constructor(
    private readonly number: number,
    private readonly server: Client,
    private readonly name: string,
    /** The superuser in it. */
    readonly database: Client,
  ) {}

  /** One more connection of the superuser; the caller ends it. */
  async connect(): Promise<Client> {
    const client = new Client({ connectionString: databaseUrl(serviceAddresses().postgresUrl, this.name) })
    await client.connect()
    return client
  }

  /** Applies every migration before this one. */
  static async before(number: number): Promise<HalfMigrated> {
    const { postgresUrl } = serviceAddresses()
    const name = `test_half_${randomBytes(6).toString('hex')}`
    const server = new Client({ connectionString: postgresUrl })
    await server.connect()
    await server.query(`CREATE DATABASE ${name}`)
    const database = new Client({ connectionString: databaseUrl(postgresUrl, name) })
    await database.connect()
    const half = new HalfMigrated(number, server, name, database)
    for (const file of migrationFiles()) if (file.number < number) await half.apply(file)
    return half
  }

  /** Applies the one it stands before. */
  async migrate(): Promise<void> {
    await this.apply(migrationFiles().find((file) => file.number === this.number)!)
  }

  async drop(): Promise<void> {
    await this.database.end()
    await this.server.query(`DROP DATABASE ${this.name} WITH (FORCE)`)
    await this.server.end()
  }

  private async apply({ number, sql }: { number: number; sql: string }): Promise<void> {
    await this.database.query('BEGIN')
    if (number > 1) await this.database.query('SET LOCAL ROLE tg_owner')
    await this.database.query(sql)
    await this.database.query('COMMIT')
  }
}
