import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { ADMIN_TABLES } from '../../apps/admin/src/admin.module'
import { Database } from '../../libs/platform/postgres'
import { KeyStore } from '../../libs/tenants/key.store'
import type { ApiKey } from '../../libs/tenants/domain'
import { createDatabase, eventually, type TestDatabase } from '../support'

const DAY_MS = 86_400_000

describe('keys as the control plane stores them', () => {
  let test: TestDatabase
  let owner: Client
  let database: Database
  let store: KeyStore
  let tenant: string
  beforeAll(async () => {
    test = await createDatabase()
    owner = new Client({ connectionString: test.ownerUrl })
    await owner.connect()
    database = await Database.connect({ url: test.adminUrl, role: 'tg_admin', entities: ADMIN_TABLES, poolSize: 2 })
    store = new KeyStore(database)
  })
  afterAll(async () => {
    await database.close()
    await owner.end()
    await test.drop()
  })
  beforeEach(async () => {
    tenant = await addTenant()
  })

  async function addTenant(): Promise<string> {
    const id = randomUUID()
    await owner.query(`INSERT INTO tenant (id, slug, name, tier, home_region, allowed_regions, bucket) VALUES ($1, $2, 'x', 'free', 'us-east', '{us-east}', 1)`, [id, `t-${id.slice(-12)}`])
    return id
  }
  async function addKey(holder = tenant, expiresAt: Date | null = null): Promise<ApiKey> {
    const id = randomUUID()
    await owner.query(`INSERT INTO api_key (tenant_id, id, public_id, key_hash, pepper_version, key_prefix, name, expires_at) VALUES ($1, $2, $3, '\\x00', 1, 'x', 'x', $4)`, [holder, id, id.slice(-12), expiresAt])
    return (await store.find(holder, id))!
  }
  const spend = (key: string, dayMs: number, pico: number, holder = tenant) =>
    owner.query(
      `INSERT INTO usage_daily (tenant_id, day, project_id, key_id, model, provider, region, host, requests, failures, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_pico, duration_ms, durations)
       VALUES ($1, $2, $3, $4, 'x', 'x', 'x', 'x', 1, 0, 1, 1, 0, 0, $5, 1, 0)`,
      [holder, new Date(dayMs), randomUUID(), key, pico],
    )
  const count = (scope: string, pico: number, ends = '1 day') =>
    owner.query(`INSERT INTO budget_period (tenant_id, scope, period, starts_at, ends_at, spent_pico, version) VALUES ($1, $2, $3, now() - interval '2 days', now() + $4::interval, $5, 1)`, [tenant, scope, randomUUID(), ends, pico])

  it('have cost what their days come to: in all, today, since Monday and since the first of the month, in UTC', async () => {
    // Again, where a midnight came in between.
    await eventually(async () => {
      const key = await addKey()
      const today = Math.floor(Date.now() / DAY_MS) * DAY_MS
      const date = new Date(today)
      const monday = today - ((date.getUTCDay() + 6) % 7) * DAY_MS
      const first = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1)
      // Each day has a bit of its own, so that a sum tells which days are in it.
      const days = [...new Set([today, today - DAY_MS, monday, monday - DAY_MS, first, first - DAY_MS])]
      for (const [bit, day] of days.entries()) await spend(key.id, day, 2 ** bit)
      const since = (from: number) => days.reduce((sum, day, bit) => (day >= from ? sum + 2n ** BigInt(bit) : sum), 0n)
      expect(await store.spend(tenant, [key.id])).toEqual([{ keyId: key.id, totalPico: since(-Infinity), dailyPico: since(today), weeklyPico: since(monday), monthlyPico: since(first), periodPico: 0n }])
    })
  })

  it('have cost nothing by what other keys, other tenants or other budgets cost; a budget counts in its running period', async () => {
    const [key, other, foreign] = [await addKey(), await addKey(), await addTenant()]
    await spend(key.id, Date.now(), 1)
    await spend(other.id, Date.now(), 10)
    await spend(key.id, Date.now(), 100, foreign)
    await count(`key:${key.id}`, 7)
    await count(`key:${key.id}`, 70, '-1 second')
    await count(`key:${other.id}`, 700)
    await count('tenant', 7_000)
    expect(await store.spend(tenant, [key.id])).toEqual([expect.objectContaining({ keyId: key.id, totalPico: 1n, periodPico: 7n })])
    expect(await store.spend(foreign, [other.id])).toEqual([])
  })

  it('are listed in the order of their ids, from after one, and only those of one person where one is named', async () => {
    const keys = [await addKey(), await addKey(), await addKey()].map(({ id }) => id).sort()
    const account = randomUUID()
    await owner.query(`INSERT INTO account (id, email, password_hash, role) VALUES ($1, $2, 'x', 'ops')`, [account, `${account}@x`])
    await owner.query('UPDATE api_key SET account_id = $1 WHERE id = $2', [account, keys[1]])
    await addKey(await addTenant())
    const ids = async (page: { after?: string; limit: number; accountId?: string }) => (await store.list(tenant, page)).map(({ id }) => id)
    expect([await ids({ limit: 2 }), await ids({ limit: 2, after: keys[1]! }), await ids({ limit: 9, accountId: account })]).toEqual([keys.slice(0, 2), keys.slice(2), [keys[1]]])
  })

  it('that are replaced end when told, or before, if they would have ended before', async () => {
    const at = new Date('2027-01-01T00:00:00Z')
    const ends = [null, new Date('2026-12-31T00:00:00Z'), new Date('2027-01-02T00:00:00Z')]
    const ended: (Date | null)[] = []
    for (const end of ends) {
      const old = await addKey(tenant, end)
      const next = { ...old, id: randomUUID(), publicId: randomUUID().slice(-12), expiresAt: end }
      await store.replace(tenant, old.id, at, next)
      expect(await store.find(tenant, next.id)).toEqual(next)
      ended.push((await store.find(tenant, old.id))!.expiresAt)
    }
    expect(ended).toEqual([at, ends[1], at])
  })

  it('that are revoked twice were revoked the first time, and only by their own tenant', async () => {
    const key = await addKey()
    const at = new Date('2026-11-21T10:00:00Z')
    await store.revoke(await addTenant(), key.id, at)
    expect((await store.find(tenant, key.id))!.revokedAt).toBeNull()
    await store.revoke(tenant, key.id, at)
    await store.revoke(tenant, key.id, new Date('2026-11-22T10:00:00Z'))
    expect((await store.find(tenant, key.id))!.revokedAt).toEqual(at)
  })
})
