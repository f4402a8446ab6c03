import { Client } from 'pg'
import { Database } from '../../libs/platform/postgres'
import { createDatabase, type TestDatabase } from '../support'

/** Tables without a tenant_id, each with its reason. A new one is a decision, not an accident. */
const WITHOUT_TENANT: Record<string, string> = {
  region: 'the platform’s map; no tenant owns a region',
  region_distance: 'the platform’s map',
  tier: 'sold by the platform to all tenants',
  host: 'the platform’s fleet; serves all tenants',
  host_cost: 'what the platform’s hosts cost over time',
  model: 'the platform’s catalogue',
  model_copies: 'how many hosts are to hold the platform’s models',
  model_version: 'what the platform’s models were',
  deployment: 'which host holds which model',
  prompt: 'the platform’s prompts',
  host_job: 'what the platform’s hosts are to hold',
  host_health: 'how models fare on the platform’s hosts',
  tenant: 'its id is the tenant',
  idempotent_mutation: 'belongs to an account; read by tg_admin only',
  login_session: 'belongs to an account; read by tg_admin only, before any tenant is known',
  usage_total_hourly: 'sums over all tenants; read by operators only',
  schema_migration: 'which migrations are applied',
}
/** Tables whose tenant may be absent, each with its reason. */
const TENANT_MAY_BE_NULL: Record<string, string> = {
  account: 'people of the platform have no tenant',
  alias: 'aliases of platform and tiers',
  alias_change: 'changes of those; read by tg_admin only',
  price: 'list prices',
  rule_set: 'rule sets of the operator',
  quarantine: 'a claim that cannot be read may not tell its tenant',
  webhook_delivery: 'deliveries to endpoints of the platform',
  webhook_endpoint: 'endpoints of the platform, which hear of all tenants',
}
const ROLES = ['tg_app', 'tg_admin', 'tg_worker', 'tg_report']
const PRIVILEGES = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']

describe('the database catalogue', () => {
  let database: TestDatabase
  let owner: Client
  beforeAll(async () => {
    database = await createDatabase()
    owner = new Client({ connectionString: database.ownerUrl })
    await owner.connect()
  })
  afterAll(async () => {
    await owner.end()
    await database.drop()
  })

  const column = async (sql: string, parameters: unknown[] = []): Promise<string[]> => (await owner.query({ text: sql, values: parameters, rowMode: 'array' })).rows.map(([value]) => String(value))
  const relations = (where: string) => column(`SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND ${where} ORDER BY 1`)

  it('names a tenant in every table, or says why not', async () => {
    const hasTenant = (nullable: boolean) => `EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped AND a.attnotnull = ${!nullable})`
    expect(await relations(`NOT c.relispartition AND NOT (${hasTenant(true)} OR ${hasTenant(false)})`)).toEqual(Object.keys(WITHOUT_TENANT).sort())
    expect(await relations(`NOT c.relispartition AND ${hasTenant(true)}`)).toEqual(Object.keys(TENANT_MAY_BE_NULL).sort())
  })

  it('grants no role anything on a relation without row security, enabled and forced', async () => {
    // schema_migration belongs to the log-in that migrates, which is above row security anyway; its rows are public.
    const privileged = ROLES.flatMap((role) => PRIVILEGES.map((privilege) => `has_table_privilege('${role}', c.oid, '${privilege}') OR has_any_column_privilege('${role}', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')`)).join(' OR ')
    expect(await relations(`(${privileged}) AND NOT (c.relrowsecurity AND c.relforcerowsecurity)`)).toEqual(['schema_migration'])
    expect(await relations(`(${privileged}) AND NOT c.relrowsecurity`)).toEqual([])
  })

  it('grants nothing on partitions, and nothing to everybody', async () => {
    const any = [...ROLES, 'public'].map((role) => `has_table_privilege('${role}', c.oid, '${PRIVILEGES.join(', ')}') OR has_any_column_privilege('${role}', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')`).join(' OR ')
    expect((await relations('c.relispartition')).length).toBeGreaterThan(9)
    expect(await relations(`c.relispartition AND (${any})`)).toEqual([])
    expect(await relations(`EXISTS (SELECT 1 FROM aclexplode(c.relacl) g WHERE g.grantee = 0)`)).toEqual([])
    expect(await column(`SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND has_function_privilege('public', p.oid, 'EXECUTE') ORDER BY 1`)).toEqual(['current_tenant'])
  })

  it('lets no role drop, truncate or rewrite what is money', async () => {
    for (const role of ROLES) {
      for (const table of ['ledger', 'ledger_seal', 'provider_cost', 'generation', 'price', 'host_cost', 'invoice', 'invoice_line', 'invoice_estimate', 'credit_note', 'credit_grant']) {
        const held = await column(`SELECT p FROM unnest($1::text[]) p WHERE has_table_privilege($2, $3, p)`, [['UPDATE', 'DELETE', 'TRUNCATE'], role, table])
        expect({ role, table, held }).toEqual({ role, table, held: [] })
      }
    }
  })

  it('has reviewed every function that acts with its owner’s rights', async () => {
    expect(await column(`SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef ORDER BY 1`)).toEqual(['ensure_usage_partitions', 'find_api_key'])
    expect(await column(`SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef AND NOT (coalesce(proconfig, '{}') @> '{"search_path=public, pg_temp"}')`)).toEqual([])
  })

  it('names every constraint by hand', async () => {
    const names = await column(`SELECT conrelid::regclass || '.' || conname FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid WHERE c.connamespace = 'public'::regnamespace AND c.contype <> 'n' AND NOT r.relispartition AND r.relname <> 'schema_migration'`)
    expect(names.length).toBeGreaterThan(60)
    expect(names.filter((name) => /_(check|fkey|excl)\d*$|_pkey$|_key\d+$/.test(name) || name.includes('.PK_'))).toEqual([])
  })

  it('leads every key of a tenant’s table with the tenant, or cannot be probed across tenants', async () => {
    // A unique key that does not lead with tenant_id tells by its violation what another tenant has.
    const unique = await column(`SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
      WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
        AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')
        AND (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = i.indkey[0]) <> 'tenant_id'
        AND has_any_column_privilege('tg_app', c.oid, 'INSERT') ORDER BY 1`)
    // Keyed by request ids, which this house makes itself: nobody can choose one.
    expect(unique).toEqual(['ledger_pk', 'provider_cost_pk', 'usage_pk'])
  })

  it('keeps the processes’ log-ins small', async () => {
    const { rows } = await owner.query('SELECT rolname FROM pg_roles WHERE rolname = ANY ($1) AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)', [[...ROLES, 'tg_owner']])
    expect(rows).toEqual([])
    expect(await column(`SELECT r FROM unnest($1::text[]) r WHERE has_schema_privilege(r, 'public', 'CREATE') OR pg_has_role(r, 'tg_owner', 'MEMBER')`, [ROLES])).toEqual([])
  })

  describe('Database.connect', () => {
    const connect = (url: string, role: 'tg_app' | 'tg_admin' = 'tg_app') => Database.connect({ url, role, entities: [], poolSize: 1 })

    it('takes the log-in of its role', async () => {
      const good = await connect(database.appUrl)
      expect(await good.isReachable()).toBe(true)
      await good.close()
    })

    it('refuses a superuser, a member of the owner and another role, each with what to do', async () => {
      await expect(connect(database.ownerUrl)).rejects.toThrow(/superuser, owner of the tables or bypasses row security.*TOLLGATE_DB_PASSWORD/s)
      await expect(connect(database.adminUrl)).rejects.toThrow(/which is not tg_app/)
      await expect(connect(database.appUrl, 'tg_admin')).rejects.toThrow(/which is not tg_admin/)
      const name = `member_${database.name}`
      await owner.query(`CREATE ROLE ${name} LOGIN PASSWORD 'x' IN ROLE tg_owner, tg_app`)
      const url = new URL(database.appUrl)
      Object.assign(url, { username: name, password: 'x' })
      await expect(connect(url.href)).rejects.toThrow(/superuser, owner of the tables/)
      await owner.query(`DROP ROLE ${name}`)
    })

    it('refuses a database that lacks a migration, and one of a newer release', async () => {
      const { rows } = await owner.query('SELECT * FROM schema_migration ORDER BY id DESC LIMIT 1')
      const [last] = rows
      await owner.query('DELETE FROM schema_migration WHERE id = $1', [last.id])
      await expect(connect(database.appUrl)).rejects.toThrow(/lacks 1 migration.*npm run migrate/s)
      await owner.query('INSERT INTO schema_migration (id, timestamp, name) VALUES ($1, $2, $3), ($1 + 1, $2, $4)', [last.id, last.timestamp, last.name, '9999_future_1763600009999'])
      await expect(connect(database.appUrl)).rejects.toThrow(/newer release/)
      await owner.query(`DELETE FROM schema_migration WHERE name LIKE '9999%'`)
    })
  })
})
