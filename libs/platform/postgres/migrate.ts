import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DataSource, type MigrationInterface, type QueryRunner } from 'typeorm'

/** An unapplied, unknown or failed migration, or roles that are not as security.md wants them. */
export class MigrationError extends Error {}

/** One SQL file of migrations/. `number` orders them. */
export interface MigrationFile {
  readonly number: number
  readonly name: string
  readonly sql: string
}

const EPOCH_OF_NUMBERS = 1_763_600_000_000

/** The numbered SQL files, in order. Found by walking up from this file, so it works from sources and from dist. */
export function migrationFiles(): MigrationFile[] {
  let folder = __dirname
  while (!existsSync(join(folder, 'migrations', '0001_roles.sql'))) {
    if (dirname(folder) === folder) throw new MigrationError('The migrations folder is missing from this installation.')
    folder = dirname(folder)
  }
  return readdirSync(join(folder, 'migrations'))
    .filter((name) => /^\d{4}_[a-z0-9_]+\.sql$/.test(name))
    .sort()
    .map((name) => ({ number: Number(name.slice(0, 4)), name: name.slice(0, -4), sql: readFileSync(join(folder, 'migrations', name), 'utf8') }))
}

/** A SQL file as TypeORM wants it: a class whose name ends in 13 digits that order it. Roles are made before SET ROLE. */
function asMigration(file: MigrationFile): new () => MigrationInterface {
  const migration = class implements MigrationInterface {
    name = `${file.name}_${EPOCH_OF_NUMBERS + file.number}`
    async up(runner: QueryRunner): Promise<void> {
      await runner.query(`SET LOCAL lock_timeout = '500ms'`)
      if (file.number > 1) await runner.query('SET LOCAL ROLE tg_owner')
      await runner.query(file.sql)
      // TypeORM notes the migration in the same transaction, as the log-in that owns its table.
      await runner.query('RESET ROLE')
    }
    async down(): Promise<void> {
      throw new MigrationError('Migrations are forward-only. Restore a backup to go back.')
    }
  }
  Object.defineProperty(migration, 'name', { value: `${file.name}_${EPOCH_OF_NUMBERS + file.number}` })
  return migration
}

/**
 * Applies what is missing, one transaction a file, under an advisory lock so that several starts at once are safe.
 * @param options.url log-in that may create roles (superuser, or CREATEROLE with membership in tg_owner)
 * @param options.rolePassword when given, tg_app, tg_admin and tg_worker may log in with it
 * @returns names of the files applied now
 */
export async function migrate(options: { url: string; rolePassword?: string }): Promise<string[]> {
  const source = new DataSource({
    type: 'postgres',
    url: options.url,
    migrations: migrationFiles().map(asMigration),
    migrationsTableName: 'schema_migration',
    extra: { max: 2 },
  })
  await source.initialize()
  const lock = source.createQueryRunner()
  try {
    await lock.query(`SELECT pg_advisory_lock(hashtext('tollgate migrations'))`)
    const applied = await source.runMigrations({ transaction: 'each' })
    await lock.query('GRANT SELECT ON schema_migration TO tg_app, tg_admin, tg_worker')
    await lock.query(`ALTER TABLE schema_migration ENABLE ROW LEVEL SECURITY`)
    await lock.query(`DO $$ BEGIN CREATE POLICY platform_read ON schema_migration FOR SELECT USING (true); EXCEPTION WHEN duplicate_object THEN NULL; END $$`)
    if (options.rolePassword) await allowLogin(lock, options.rolePassword)
    return applied.map((migration) => migration.name.replace(/_\d{13}$/, ''))
  } finally {
    await lock.query(`SELECT pg_advisory_unlock(hashtext('tollgate migrations'))`).catch(() => undefined)
    await lock.release()
    await source.destroy()
  }
}

/** Roles belong to the server: two databases migrating at once may meet here, so it is retried and idempotent. */
async function allowLogin(runner: QueryRunner, password: string): Promise<void> {
  const literal = `'${password.replace(/'/g, "''")}'`
  for (const role of ['tg_app', 'tg_admin', 'tg_worker']) {
    for (let attempt = 1; ; attempt++) {
      try {
        await runner.query(`ALTER ROLE ${role} LOGIN PASSWORD ${literal}`)
        break
      } catch (error) {
        if (attempt >= 5 || !String(error).includes('concurrently updated')) throw error
      }
    }
  }
}

/** Refuses (throws) unless exactly the migrations of this release are applied. */
export function checkApplied(applied: readonly string[]): void {
  const known = migrationFiles().map((file) => `${file.name}_${EPOCH_OF_NUMBERS + file.number}`)
  const missing = known.filter((name) => !applied.includes(name))
  if (missing.length > 0) throw new MigrationError(`The database lacks ${missing.length} migration(s), first ${missing[0]!.replace(/_\d{13}$/, '')}. Run \`npm run migrate\` with the owner's DATABASE_URL.`)
  const unknown = applied.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new MigrationError(`The database was migrated by a newer release (${unknown[0]}). Start that release, or restore a backup.`)
}
