import { Client } from 'pg'
import { createDatabase, type TestDatabase } from './database'

/**
 * A database restored from another's rows, as from a dump: migrated anew, then every table filled row by row in another
 * order than it was written, triggers off as a restore has them. Nothing of the source's files is shared; it stays as it is.
 */
export async function restoreDatabase(source: TestDatabase): Promise<TestDatabase> {
  const target = await createDatabase()
  const [from, to] = [new Client({ connectionString: source.ownerUrl }), new Client({ connectionString: target.ownerUrl })]
  await Promise.all([from.connect(), to.connect()])
  try {
    await from.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await to.query('BEGIN')
    await to.query('SET LOCAL session_replication_role = replica')
    const { rows } = await to.query<{ name: string; columns: string }>(
      `SELECT quote_ident(c.relname) AS name, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
       WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' GROUP BY c.relname`,
    )
    await to.query(`TRUNCATE ${rows.map(({ name }) => name).join(', ')} CASCADE`)
    for (const { name, columns } of rows) {
      const dump = await from.query<{ dump: string }>(`SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY md5(to_jsonb(t)::text)), '[]')::text AS dump FROM ${name} t`)
      await to.query(`INSERT INTO ${name} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${columns} FROM jsonb_populate_recordset(null::${name}, $1)`, [dump.rows[0]!.dump])
    }
    await to.query('COMMIT')
  } finally {
    await Promise.all([from.end(), to.end()])
  }
  return target
}
