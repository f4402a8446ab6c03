import { randomBytes } from 'node:crypto'
import { Client, Pool, type PoolClient } from 'pg'
import { uuidv7 } from '../../libs/kernel'
import { Database } from '../../libs/platform/postgres'
import { createDatabase, type TestDatabase } from '../support'

const id = () => uuidv7(Date.now(), randomBytes(10))
/** Tables that tg_app can touch and that hold rows of tenants. */
const TABLES = ['tenant', 'project', 'api_key', 'alias', 'price', 'rule_set', 'request_trace', 'budget_period', 'credit_grant', 'usage', 'ledger', 'provider_cost', 'generation', 'usage_hourly', 'usage_daily', 'usage_monthly', 'usage_key_monthly', 'usage_model_daily', 'usage_tenant_hourly', 'conversation_key', 'conversation', 'conversation_turn'] as const
const WRITABLE = ['api_key', 'budget_period', 'usage', 'usage_hourly', 'usage_daily', 'usage_monthly', 'usage_key_monthly', 'usage_model_daily', 'usage_tenant_hourly'] as const
const keyOf = (table: string) => (table === 'tenant' ? 'id' : 'tenant_id')

/** A tenant with a row in every tenant table. */
async function arrange(owner: Client, tenant: string): Promise<void> {
  const slug = `t-${tenant.slice(-12)}`
  await owner.query(`INSERT INTO tenant (id, slug, name, tier, home_region, allowed_regions, bucket) VALUES ($1, $2, $2, 'free', 'us-east', '{us-east}', 1)`, [tenant, slug])
  await owner.query(`INSERT INTO project (tenant_id, id, slug, name) VALUES ($1, $2, 'web', 'Web')`, [tenant, id()])
  await owner.query(`INSERT INTO api_key (tenant_id, id, public_id, key_hash, pepper_version, key_prefix, name) VALUES ($1, $2, $3, '\\x00', 1, 'x', 'x')`, [tenant, id(), randomBytes(6).toString('hex')])
  await owner.query(`INSERT INTO alias (id, tenant_id, name, target) VALUES ($1, $2, 'own', 'phi3')`, [id(), tenant])
  await owner.query(`INSERT INTO rule_set (id, tenant_id, name, rules, otherwise, changed_by) VALUES ($1, $2, 'own', '[]', '{"use": "default"}', 'x')`, [id(), tenant])
  await owner.query(`INSERT INTO request_trace (tenant_id, rid, explanation) VALUES ($1, $2, '{}')`, [tenant, id()])
  await owner.query(`INSERT INTO price (id, tenant_id, model, effective_at, currency, input_pico, output_pico, source) VALUES ($1, $2, 'x', now(), 'USD', 1, 1, 'x')`, [id(), tenant])
  await owner.query(`INSERT INTO budget_period (tenant_id, scope, period, starts_at, ends_at) VALUES ($1, 'tenant', 'month:2026-01', '2026-01-01', '2026-02-01')`, [tenant])
  await owner.query(`INSERT INTO credit_grant (tenant_id, id, amount_pico, reason, granted_by, granted_at) VALUES ($1, $2, 5, 'x', $2, now())`, [tenant, id()])
  await owner.query(`INSERT INTO conversation_key (tenant_id, wrapped) VALUES ($1, '\\x00')`, [tenant])
  const conversation = id()
  await owner.query(`INSERT INTO conversation (tenant_id, id, head, ttl_seconds, created_at, updated_at, expires_at) VALUES ($1, $2, '\\x00', 60, now(), now(), now())`, [tenant, conversation])
  await owner.query(`INSERT INTO conversation_turn (tenant_id, conversation_id, seq, rid, model, sealed, created_at) VALUES ($1, $2, 1, $2, 'x', '\\x00', now())`, [tenant, conversation])
  const rid = id()
  const day = new Date().toISOString().slice(0, 10)
  await owner.query(
    `INSERT INTO usage (tenant_id, day, rid, rank, amount_pico, budgets, key_id, surface, requested_model, model, provider, region, host, status, is_stream, prompt_tokens, completion_tokens, cached_tokens, cache_write_tokens, reasoning_tokens, usage_source, flags, duration_ms, attempts, started_at, recorded_at)
     VALUES ($1, $2, $3, 1, 5, '{}', $3, 'chat', 'x', 'x', 'x', 'x', 'x', 'completed', false, 1, 1, 0, 0, 0, 'provider', '{}', 1, 1, now(), now())`,
    [tenant, day, rid],
  )
  await owner.query('INSERT INTO ledger (tenant_id, day, rid, rank, delta_pico, recorded_at) VALUES ($1, $2, $3, 1, 5, now())', [tenant, day, rid])
  await owner.query(`INSERT INTO provider_cost (tenant_id, day, rid, attempt, host, provider, region, model, outcome, duration_ms) VALUES ($1, $2, $3, 1, 'x', 'x', 'x', 'x', 'x', 1)`, [tenant, day, rid])
  await owner.query(`INSERT INTO generation (tenant_id, day, rid, attempt, host, name) VALUES ($1, $2, $3, 1, 'x', 'gen-x')`, [tenant, day, rid])
  for (const [table, unit] of [['usage_hourly', 'hour'], ['usage_daily', 'day'], ['usage_monthly', 'month']] as const)
    await owner.query(`INSERT INTO ${table} (tenant_id, ${unit}, project_id, key_id, model, provider, region, host, requests, failures, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_pico, duration_ms, durations) VALUES ($1, date_trunc('${unit}', now()), $2, $2, 'x', 'x', 'x', 'x', 1, 0, 1, 1, 0, 0, 5, 1, 0)`, [tenant, rid])
  await owner.query(`INSERT INTO usage_key_monthly (tenant_id, month, project_id, key_id, requests, failures, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_pico, duration_ms, durations) VALUES ($1, date_trunc('month', now()), $2, $2, 1, 0, 1, 1, 0, 0, 5, 1, 0)`, [tenant, rid])
  await owner.query(`INSERT INTO usage_model_daily (tenant_id, day, model, requests, failures, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_pico, duration_ms, durations, attempts, uncosted_attempts, provider_cost_pico) VALUES ($1, date_trunc('day', now()), 'x', 1, 0, 1, 1, 0, 0, 5, 1, 0, 0, 0, 0)`, [tenant])
  await owner.query(`INSERT INTO usage_tenant_hourly (tenant_id, hour, requests, failures, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_pico, duration_ms, durations) VALUES ($1, date_trunc('hour', now()), 1, 0, 1, 1, 0, 0, 5, 1, 0)`, [tenant])
}

/** Ways to reach rows of `tenant` in `table`; each answers a count of rows of that tenant in its only field. */
function reads(table: string, tenant: string): string[] {
  const k = keyOf(table)
  const of = `${k} = '${tenant}'`
  return [
    `SELECT count(*) FROM (SELECT * FROM ${table}) all_rows WHERE ${of}`,
    `SELECT count(*) FROM ${table} WHERE ${of}`,
    `SELECT count(*) FROM ${table} WHERE ${of} OR true AND ${of}`,
    `SELECT count(*) FROM ${table} WHERE ${k}::text LIKE '${tenant.slice(0, 20)}%' AND ${of}`,
    `SELECT count(*) FROM ${table} a JOIN ${table} b ON a.${k} <> b.${k} OR a.${k} = '${tenant}'`,
    `SELECT count(*) FROM tenant t FULL JOIN ${table} x ON x.${k} = t.id WHERE x.${of}`,
    `SELECT count(x.${k}) FROM (VALUES ('${tenant}'::uuid)) v(id) LEFT JOIN ${table} x ON x.${k} = v.id`,
    `SELECT count(x.${k}) FROM (VALUES ('${tenant}'::uuid)) v(id), LATERAL (SELECT * FROM ${table} y WHERE y.${k} = v.id) x`,
    `WITH seen AS MATERIALIZED (SELECT * FROM ${table}) SELECT count(*) FROM seen WHERE ${of}`,
    `WITH RECURSIVE walk AS (SELECT ${k} AS id FROM ${table} UNION SELECT x.${k} FROM ${table} x, walk) SELECT count(*) FROM walk WHERE id = '${tenant}'`,
    `SELECT (SELECT count(*) FROM ${table} WHERE ${of})`,
    `SELECT count(*) FROM generate_series(1, 1) WHERE EXISTS (SELECT 1 FROM ${table} WHERE ${of})`,
    `SELECT count(*) FROM unnest(ARRAY(SELECT ${k} FROM ${table})) u(id) WHERE id = '${tenant}'`,
    `SELECT count(*) FROM jsonb_array_elements((SELECT coalesce(jsonb_agg(to_jsonb(x)), '[]') FROM ${table} x)) e WHERE e ->> '${k}' = '${tenant}'`,
    `SELECT count(*) FROM (SELECT ${k}, row_number() OVER (PARTITION BY ${k}) FROM ${table}) w WHERE ${of}`,
    `SELECT count(*) FROM (SELECT ${k} FROM ${table} UNION ALL SELECT ${k} FROM ${table}) u WHERE ${of}`,
    `SELECT count(*) FROM (SELECT ${k} FROM ${table} GROUP BY ${k} HAVING ${k} = '${tenant}') g`,
    `SELECT count(*) FROM (TABLE ${table}) t WHERE ${of}`,
    `SELECT count(*) FROM ${table} TABLESAMPLE SYSTEM (100) WHERE ${of}`,
    `SELECT count(*) FROM query_to_xml('SELECT ${k} FROM ${table} WHERE ${k} = ''${tenant}''', false, true, '') x WHERE x::text LIKE '%${tenant}%'`,
  ]
}

describe('tenants in Postgres, as tg_app', () => {
  let database: TestDatabase
  let owner: Client
  let app: Client
  const [a, b] = [id(), id()]
  beforeAll(async () => {
    database = await createDatabase()
    ;[owner, app] = [database.ownerUrl, database.appUrl].map((connectionString) => new Client({ connectionString })) as [Client, Client]
    await Promise.all([owner.connect(), app.connect()])
    for (const tenant of [a, b]) await arrange(owner, tenant)
  })
  afterAll(async () => {
    await Promise.all([owner.end(), app.end()])
    await database.drop()
  })

  /** Runs a statement in a transaction of a tenant (or none) and rolls it back; null when it was not permitted. */
  async function attempt(tenant: string | null, sql: string): Promise<{ rows: unknown[][]; rowCount: number } | null> {
    await app.query('BEGIN')
    try {
      if (tenant) await app.query(`SELECT set_config('app.tenant', $1, true)`, [tenant])
      const { rows, rowCount } = await app.query<unknown[]>({ text: sql, rowMode: 'array' })
      return { rows, rowCount: rowCount ?? 0 }
    } catch (error) {
      // 42501: not permitted, or against a policy. Anything else is a mistake of this spec.
      if ((error as { code: string }).code !== '42501') throw new Error(`${sql}: ${(error as Error).message}`)
      return null
    } finally {
      await app.query('ROLLBACK')
    }
  }

  it.each(TABLES)('%s: no reading statement of one tenant sees another’s rows, and none sees any without a tenant', async (table) => {
    const counts = async (tenant: string | null, wanted: string) => {
      const found: number[] = []
      for (const sql of reads(table, wanted)) found.push(Number((await attempt(tenant, sql))!.rows[0]![0]))
      return found
    }
    expect((await counts(a, a)).filter((count) => count === 0)).toEqual([])
    expect((await counts(a, b)).filter((count) => count > 0)).toEqual([])
    expect((await counts(null, b)).filter((count) => count > 0)).toEqual([])
  })

  it.each(WRITABLE)('%s: no writing statement of one tenant changes another’s rows', async (table) => {
    const column = { api_key: 'last_used_on', budget_period: 'version', usage: 'attempts', usage_hourly: 'requests', usage_daily: 'requests', usage_monthly: 'requests', usage_key_monthly: 'requests', usage_model_daily: 'requests', usage_tenant_hourly: 'requests' }[table]
    const statements = [
      `UPDATE ${table} SET ${column} = ${column}`,
      `UPDATE ${table} SET ${column} = ${column} WHERE tenant_id = '${b}'`,
      `UPDATE ${table} x SET ${column} = x.${column} FROM ${table} y WHERE y.tenant_id = '${b}' AND x.tenant_id = y.tenant_id`,
      `WITH changed AS (UPDATE ${table} SET ${column} = ${column} RETURNING tenant_id) SELECT tenant_id FROM changed WHERE tenant_id = '${b}'`,
    ]
    const before = await checksums(b)
    expect((await attempt(a, statements[0]!))?.rowCount).toBe(1)
    for (const sql of statements.slice(1)) expect((await attempt(a, sql))?.rowCount).toBe(0)
    for (const sql of statements) expect((await attempt(null, sql))?.rowCount).toBe(0)
    for (const verb of [`DELETE FROM ${table}`, `TRUNCATE ${table}`, `UPDATE ${table} SET tenant_id = '${b}'`]) expect((await attempt(a, verb)) ?? 'refused').toBe('refused')
    expect(await checksums(b)).toEqual(before)
  })

  it.each(['budget_period', 'usage', 'ledger', 'provider_cost', 'generation', 'usage_hourly', 'usage_daily', 'usage_monthly', 'usage_key_monthly', 'usage_model_daily', 'usage_tenant_hourly'])('%s: no tenant inserts for another, by VALUES, SELECT, COPY or upsert', async (table) => {
    const row = (await owner.query(`SELECT to_jsonb(x) || jsonb_build_object('rid', gen_random_uuid(), 'scope', 'new', 'model', 'new', 'hour', '2020-01-01T00:00:00Z') AS row FROM ${table} x WHERE tenant_id = '${b}'`)).rows[0].row
    const literal = JSON.stringify(row).replaceAll("'", "''")
    const values = `SELECT * FROM jsonb_populate_record(null::${table}, '${literal}')`
    for (const tenant of [a, null]) {
      expect(await attempt(tenant, `INSERT INTO ${table} ${values}`)).toBeNull()
      expect(await attempt(tenant, `INSERT INTO ${table} ${values} ON CONFLICT DO NOTHING`)).toBeNull()
      expect(await attempt(tenant, `WITH made AS (INSERT INTO ${table} ${values} RETURNING 1) SELECT * FROM made`)).toBeNull()
      expect(await attempt(tenant, `COPY ${table} FROM PROGRAM 'true'`)).toBeNull()
    }
    const own = JSON.stringify({ ...row, tenant_id: a }).replaceAll("'", "''")
    expect((await attempt(a, `INSERT INTO ${table} SELECT * FROM jsonb_populate_record(null::${table}, '${own}')`))?.rowCount).toBe(1)
  })

  it.each(['conversation_key', 'conversation', 'conversation_turn'])('%s: no tenant deletes or takes over what another has stored', async (table) => {
    const row = (await owner.query(`SELECT to_jsonb(x) || jsonb_build_object('id', gen_random_uuid(), 'seq', 2) AS row FROM ${table} x WHERE tenant_id = '${b}'`)).rows[0].row
    const before = await checksums(b)
    for (const tenant of [a, null]) {
      expect((await attempt(tenant, `DELETE FROM ${table} WHERE tenant_id = '${b}'`))?.rowCount).toBe(0)
      expect((await attempt(tenant, `DELETE FROM ${table}`))?.rowCount).toBe(tenant ? 1 : 0)
      expect(await attempt(tenant, `INSERT INTO ${table} SELECT * FROM jsonb_populate_record(null::${table}, '${JSON.stringify(row).replaceAll("'", "''")}')`)).toBeNull()
      expect((await attempt(tenant, `UPDATE ${table} SET tenant_id = tenant_id WHERE tenant_id = '${b}'`))?.rowCount ?? 0).toBe(0)
    }
    expect(await checksums(b)).toEqual(before)
  })

  it('no partition is reachable past its parent', async () => {
    const { rows } = await owner.query(`SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'`)
    expect(rows.length).toBeGreaterThan(9)
    for (const { relname } of rows) for (const sql of [`SELECT * FROM ${relname}`, `UPDATE ${relname} SET day = day`, `DELETE FROM ${relname}`, `COPY ${relname} TO PROGRAM 'true'`]) expect(await attempt(a, sql)).toBeNull()
  })

  it('cursors and prepared plans follow the tenant of their transaction', async () => {
    for (const [tenant, expected] of [[a, [a]], [b, [b]], [null, []]] as const) {
      await app.query('BEGIN')
      if (tenant) await app.query(`SELECT set_config('app.tenant', $1, true)`, [tenant])
      await app.query('DECLARE c CURSOR FOR SELECT tenant_id FROM usage')
      expect((await app.query('FETCH ALL FROM c')).rows.map(({ tenant_id: of }) => of)).toEqual(expected)
      expect((await app.query({ name: 'plan', text: 'SELECT tenant_id FROM ledger WHERE day > $1', values: ['2000-01-01'] })).rows.map(({ tenant_id: of }) => of)).toEqual(expected)
      await app.query('COMMIT')
    }
  })

  it('the one look-up before a tenant is known answers one key exactly', async () => {
    const { rows } = await owner.query('SELECT public_id FROM api_key WHERE tenant_id = $1', [b])
    for (const probe of ['%', '', '_'.repeat(12), `${rows[0].public_id} `, "' OR true --"]) expect((await app.query('SELECT find_api_key($1) AS record', [probe])).rows).toEqual([{ record: null }])
    expect((await app.query('SELECT find_api_key($1) AS record', [rows[0].public_id])).rows[0].record.tenant.id).toBe(b)
  })

  it('2 000 interleaved transactions of 10 tenants on 5 connections, a quarter of them broken off, leak nothing', async () => {
    const tenants = Array.from({ length: 10 }, () => id())
    for (const tenant of tenants) await arrange(owner, tenant)
    const shared = await Database.connect({ url: database.appUrl, role: 'tg_app', entities: [], poolSize: 5 })
    let seed = 20_261_121
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below
    const seen = { transactions: 0, broken: 0 }
    const one = async (): Promise<void> => {
      const tenant = tenants[random(10)]!
      const fate = random(8)
      const work = shared.withTenant(tenant, async (tx) => {
        const rows: { tenant_id: string }[] = await tx.query('SELECT tenant_id FROM usage UNION ALL SELECT tenant_id FROM api_key UNION ALL SELECT id FROM tenant')
        if (rows.length !== 3 || rows.some((row) => row.tenant_id !== tenant)) throw new Error(`leak: ${tenant} saw ${JSON.stringify(rows)}`)
        if (fate === 0) throw new Error('aborted by the caller')
        if (fate === 1) await tx.query('SELECT 1 / 0')
      })
      await work.catch((error: Error) => {
        if (!/aborted by the caller|division by zero/.test(error.message)) throw error
        seen.broken++
      })
      if (fate === 2 && (await shared.query('SELECT id FROM tenant UNION ALL SELECT tenant_id FROM usage')).length > 0) throw new Error('rows without a tenant')
      seen.transactions++
    }
    const lane = async () => {
      for (let i = 0; i < 200; i++) await one()
    }
    await Promise.all(Array.from({ length: 10 }, lane))
    expect(seen.transactions).toBe(2_000)
    expect(seen.broken).toBeGreaterThan(300)
    await shared.close()
    expect(await leftOver(database.appUrl)).toEqual(['', ''])
  }, 20_000)

  /** A digest of every row of a tenant, by table. */
  async function checksums(tenant: string): Promise<Record<string, string>> {
    const digests: Record<string, string> = {}
    for (const table of TABLES) digests[table] = (await owner.query(`SELECT md5(string_agg(x::text, '|' ORDER BY x::text)) AS md5 FROM ${table} x WHERE ${keyOf(table)} = $1`, [tenant])).rows[0].md5
    return digests
  }
})

/** The tenant setting of one connection after a committed and after an aborted transaction. */
async function leftOver(connectionString: string): Promise<string[]> {
  const pool = new Pool({ connectionString, max: 1 })
  const setting = async () => String((await pool.query(`SELECT coalesce(current_setting('app.tenant', true), '') AS tenant`)).rows[0].tenant)
  const left: string[] = []
  for (const end of ['COMMIT', 'ROLLBACK']) {
    const client: PoolClient = await pool.connect()
    await client.query('BEGIN')
    await client.query(`SELECT set_config('app.tenant', $1, true)`, [id()])
    await client.query(end)
    client.release()
    left.push(await setting())
  }
  await pool.end()
  return left
}
