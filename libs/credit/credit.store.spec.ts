import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { RefusalError } from '@tollgate/kernel'
import { systemIds } from '@tollgate/platform/clock'
import { Database } from '@tollgate/platform/postgres'
import { createDatabase, FakeClock, type TestDatabase } from '../../test/support'
import { CreditService } from './credit.service'
import { CreditStore } from './credit.store'

const UNIT = 10n ** 12n
const WHO = randomUUID()

describe('grants of credit', () => {
  let test: TestDatabase
  let owner: Client
  let database: Database
  let credit: CreditService
  let tenant: { id: string; currency: string }

  beforeAll(async () => {
    test = await createDatabase()
    owner = new Client({ connectionString: test.ownerUrl })
    await owner.connect()
    database = await Database.connect({ url: test.adminUrl, role: 'tg_admin', entities: [], poolSize: 10 })
    credit = new CreditService(new CreditStore(database), new FakeClock(), systemIds)
  })
  afterAll(async () => {
    await database.close()
    await owner.end()
    await test.drop()
  })
  beforeEach(async () => {
    tenant = { id: randomUUID(), currency: 'EUR' }
    await owner.query(`INSERT INTO tenant (id, slug, name, tier, home_region, allowed_regions, bucket, currency) VALUES ($1, $2, 'x', 'free', 'us-east', '{us-east}', 1, 'EUR')`, [tenant.id, `t-${tenant.id.slice(-12)}`])
  })

  const grant = (units: bigint, reason = 'paid') => credit.grant(tenant, { amountPico: units * UNIT, reason, grantedBy: WHO })
  const spend = (units: bigint, scope = 'credit', period = 'always') =>
    owner.query(`INSERT INTO budget_period (tenant_id, scope, period, starts_at, ends_at, spent_pico, version) VALUES ($1, $3, $4, 'epoch', '9999-12-31', $2, 1)`, [tenant.id, (units * UNIT).toString(), scope, period])

  it('add up, name who gave them and why, and are listed latest first, page by page', async () => {
    const made = [await grant(10n, 'first'), await grant(5n, 'second'), await grant(-3n, 'too much')]
    expect(await credit.standing(tenant)).toEqual({ grantedPico: 12n * UNIT, spentPico: 0n })
    const all = await credit.list(tenant, { limit: 10 })
    expect(all).toEqual([...made].reverse())
    expect(all.map(({ reason, grantedBy }) => [reason, grantedBy])).toEqual([['too much', WHO], ['second', WHO], ['first', WHO]])
    expect((await credit.list(tenant, { limit: 1 })).map(({ reason }) => reason)).toEqual(['too much'])
    expect((await credit.list(tenant, { limit: 5, after: made[1]!.id })).map(({ reason }) => reason)).toEqual(['first'])
  })

  it('are spent by what counts against credit, not by what counts against budgets', async () => {
    await grant(10n)
    await spend(3n)
    await spend(8n, 'tenant', 'month:2026-11')
    await spend(9n, 'key:k', 'day:2026-11-21')
    expect(await credit.standing(tenant)).toEqual({ grantedPico: 10n * UNIT, spentPico: 3n * UNIT })
    expect(await grant(-7n)).toMatchObject({ amountPico: -7n * UNIT })
  })

  it('take back what is unspent and not a unit more, and say how much that is', async () => {
    await grant(10n)
    await spend(7n)
    await expect(grant(-4n)).rejects.toThrow('Only 3 EUR of the credit is unspent; 4 cannot be taken back.')
    expect(await grant(-3n)).toMatchObject({ amountPico: -3n * UNIT })
    const refused = await grant(-1n).catch((error: RefusalError) => error)
    expect((refused as RefusalError).refusal).toMatchObject({ code: 'credit_not_covered', status: 409, details: { granted: '7', spent: '7', currency: 'EUR' } })
    expect(await credit.standing(tenant)).toEqual({ grantedPico: 7n * UNIT, spentPico: 7n * UNIT })
  })

  it('taken back by twenty at once never pass what is unspent', async () => {
    await grant(10n)
    await spend(3n)
    const ends = await Promise.allSettled(Array.from({ length: 20 }, () => grant(-1n)))
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(7)
    expect(await credit.standing(tenant)).toEqual({ grantedPico: 3n * UNIT, spentPico: 3n * UNIT })
  })

  it('are possible again after more was spent than granted, as calls that ran during a reversal may', async () => {
    await grant(5n)
    await spend(8n)
    await expect(grant(-1n)).rejects.toThrow('Only 0 EUR')
    expect(await grant(2n)).toMatchObject({ amountPico: 2n * UNIT })
  })

  it('beyond a thousand million in all are a mistake', async () => {
    await grant(999_999_999n)
    await expect(grant(2n)).rejects.toMatchObject({ refusal: { code: 'invalid_request', details: { errors: [{ path: 'amount', message: expect.any(String) }] } } })
    await grant(1n)
  })

  it('are never changed, removed or emptied, not even by the owner of the database', async () => {
    const { id } = await grant(10n)
    for (const sql of ['UPDATE credit_grant SET amount_pico = 1', 'DELETE FROM credit_grant', 'TRUNCATE credit_grant', `UPDATE credit_grant SET reason = 'other' WHERE id = '${id}'`])
      await expect(owner.query(sql)).rejects.toMatchObject({ code: '23001' })
    for (const sql of ['UPDATE credit_grant SET amount_pico = 1', 'DELETE FROM credit_grant']) await expect(database.query(sql)).rejects.toMatchObject({ code: '42501' })
    await expect(owner.query(`INSERT INTO credit_grant VALUES ($1, $2, 0, 'nothing', $2, now())`, [tenant.id, randomUUID()])).rejects.toMatchObject({ constraint: 'credit_grant_is_something' })
  })

  it('reach the gateways with the caller’s record, of prepaid tenants only, and stay as the tenant goes', async () => {
    await owner.query(`INSERT INTO api_key (tenant_id, id, public_id, key_hash, pepper_version, key_prefix, name, soft_budget_pico) VALUES ($1, $2, $3, '\\x00', 1, 'x', 'x', 9007199254740993)`, [tenant.id, randomUUID(), tenant.id.slice(-12)])
    const record = async () => (await owner.query('SELECT find_api_key($1) AS record', [tenant.id.slice(-12)])).rows[0].record
    expect((await record()).tenant.credit_pico).toBeNull()
    await owner.query(`UPDATE tenant SET billing = 'prepaid' WHERE id = $1`, [tenant.id])
    expect((await record()).tenant.credit_pico).toBe('0')
    await grant(9_007_200n)
    await grant(-1n)
    expect(await record()).toMatchObject({ tenant: { credit_pico: (9_007_199n * UNIT).toString() }, key: { soft_budget_pico: '9007199254740993' } })
    await owner.query('DELETE FROM tenant WHERE id = $1', [tenant.id])
    expect(await credit.standing(tenant)).toMatchObject({ grantedPico: 9_007_199n * UNIT })
  })
})
