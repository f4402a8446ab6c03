import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { systemIds } from '@tollgate/platform/clock'
import type { ClusterConfig } from '@tollgate/platform/config'
import { OutboundPools } from '@tollgate/platform/outbound'
import { Database } from '@tollgate/platform/postgres'
import { SecretBox } from '@tollgate/platform/secrets'
import { createDatabase, FakeClock, freePort, type TestDatabase } from '../../test/support'
import { DeliveryStore } from './delivery.store'
import type { BudgetFact, EventType } from './domain/event'
import { MOST_ATTEMPTS } from './domain/retry'
import { EndpointStore } from './endpoint.store'
import { post } from './post-exchange'
import { isGenuine, Receiver } from './receiver-fixture'
import { WebhookAdminService, type WebhookOwner } from './webhook-admin.service'
import { WebhookDeliveryService } from './webhook-delivery.service'
import { WebhookPools } from './webhook-pools'

const WHO = randomUUID()
const DEVELOPMENT = { TOLLGATE_HOST_CIDRS: ['10.0.0.0/8'], TOLLGATE_HOST_PORTS: ['1-65535'], TOLLGATE_ALLOW_LOOPBACK_HOSTS: true } as unknown as ClusterConfig
const PRODUCTION = { ...DEVELOPMENT, TOLLGATE_ALLOW_LOOPBACK_HOSTS: false } as ClusterConfig
const SECOND = 1_000
const DAY = 86_400 * SECOND

describe('webhooks', () => {
  let test: TestDatabase
  let owner: Client
  let [adminDatabase, workerDatabase]: Database[] = []
  let clock: FakeClock
  let receiver: Receiver
  let tenant: NonNullable<WebhookOwner>
  const secrets = new SecretBox('a secret of specs that is long enough')
  const pools: WebhookPools[] = []

  beforeAll(async () => {
    test = await createDatabase()
    owner = new Client({ connectionString: test.ownerUrl })
    await owner.connect()
    adminDatabase = await Database.connect({ url: test.adminUrl, role: 'tg_admin', entities: [], poolSize: 4 })
    workerDatabase = await Database.connect({ url: test.workerUrl, role: 'tg_worker', entities: [], poolSize: 10 })
  })
  afterAll(async () => {
    await Promise.all(pools.map((made) => made.onApplicationShutdown()))
    await Promise.all([adminDatabase!.close(), workerDatabase!.close(), owner.end()])
    await test.drop()
  })
  beforeEach(async () => {
    clock = new FakeClock()
    receiver = await Receiver.start()
    await owner.query('TRUNCATE webhook_event, webhook_endpoint, webhook_delivery')
    tenant = await addTenant()
  })
  afterEach(() => receiver.stop())

  async function addTenant(): Promise<NonNullable<WebhookOwner>> {
    const id = randomUUID()
    const slug = `t-${id.slice(-12)}`
    await owner.query(`INSERT INTO tenant (id, slug, name, tier, home_region, allowed_regions, bucket) VALUES ($1, $2, 'x', 'free', 'us-east', '{us-east}', 1)`, [id, slug])
    return { id, slug }
  }
  const admin = (config = DEVELOPMENT) => new WebhookAdminService(new EndpointStore(adminDatabase!), secrets, config, clock, systemIds)
  const worker = (config = DEVELOPMENT) => {
    const own = new WebhookPools(config)
    pools.push(own)
    return new WebhookDeliveryService(new DeliveryStore(workerDatabase!), own, secrets, clock, systemIds)
  }
  const listen = (whose: WebhookOwner = tenant, events: EventType[] = ['budget.soft_exceeded'], url = receiver.url()) => admin().create(whose, { url, events, createdBy: WHO })
  const fact = (over: Partial<BudgetFact> = {}): BudgetFact => ({
    type: 'budget.soft_exceeded', tenantId: tenant.id, tenantSlug: tenant.slug, scope: 'tenant', period: 'month:2026-11', thresholdPico: 5n, softPico: 5n, spentPico: 6n, limitPico: 9n, currency: 'EUR', resetsAtMs: DAY, ...over,
  })
  const deliver = async (one: WebhookDeliveryService) => (await one.deliverDue()).attempts
  const tell = async (one: WebhookDeliveryService, ...facts: BudgetFact[]) => one.tell(facts, await one.listeners())
  const state = async ({ endpoint }: Awaited<ReturnType<typeof listen>>) => (await admin().deliveries(endpoint, { limit: 100 })).map(({ state: is, attempts, lastStatus, lastError }) => [is, attempts, lastStatus, lastError])

  it('are signed so that a receiver can tell them from forgeries, and carry what happened', async () => {
    const { endpoint, secret } = await listen(tenant, ['budget.soft_exceeded'], receiver.url('/hook?tenant=7&sig=a%2Fb'))
    const one = worker()
    expect(await tell(one, fact())).toBe(1)
    expect(await deliver(one)).toBe(1)
    const [sent] = receiver.received
    expect(sent!.url).toBe('/hook?tenant=7&sig=a%2Fb')
    expect(isGenuine(secret, sent!)).toBe(true)
    expect(isGenuine(secret, { ...sent!, body: sent!.body.replace('"spent"', '"Spent"') })).toBe(false)
    expect(Number(sent!.headers['webhook-timestamp'])).toBe(clock.now() / 1000)
    expect(sent!.headers).toMatchObject({ 'content-type': 'application/json', 'user-agent': 'tollgate', 'webhook-id': receiver.events()[0].id })
    expect(receiver.events()).toEqual([expect.objectContaining({ type: 'budget.soft_exceeded', tenant: tenant.slug, data: expect.objectContaining({ scope: 'tenant', spent: '0.000000000006' }) })])
    expect(await state({ endpoint, secret })).toEqual([['delivered', 1, 204, null]])
    expect(await deliver(one)).toBe(0)
  })

  it.each([[500, 'http 500', 500], [404, 'http 404', 404], [302, 'http 302', 302], ['reset', expect.stringMatching(/ECONNRESET|UND_ERR_SOCKET/), null]] as const)('that meet %s are sent again after a pause, the same event under the same id, until they are taken', async (answer, error, status) => {
    const made = await listen()
    receiver.answers.push(answer, answer)
    const one = worker()
    await tell(one, fact())
    await one.deliverDue()
    expect(await state(made)).toEqual([['pending', 1, status, error]])
    clock.advance(3 * SECOND)
    expect(await deliver(one)).toBe(0)
    clock.advance(4 * SECOND)
    expect(await deliver(one)).toBe(1)
    clock.advance(10 * SECOND)
    expect(await deliver(one)).toBe(0)
    clock.advance(30 * SECOND)
    expect(await deliver(one)).toBe(1)
    expect(await state(made)).toEqual([['delivered', 3, 204, null]])
    expect(receiver.received.map(({ url }) => url)).toEqual(Array(3).fill('/hook'))
    expect(new Set(receiver.received.map(({ body, headers }) => `${body} ${String(headers['webhook-id'])}`)).size).toBe(1)
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(3)
    for (const sent of receiver.received) expect(isGenuine(made.secret, sent)).toBe(true)
  })

  it('that nobody takes for a day are dead, stay visible, and live again when somebody sends them by hand', async () => {
    const made = await listen(tenant, ['budget.soft_exceeded'], `http://127.0.0.1:${await freePort()}/`)
    const one = worker()
    await tell(one, fact())
    let attempts = 0
    const dead: unknown[] = []
    for (let hour = 0; hour < 60; hour++) {
      const round = await one.deliverDue()
      attempts += round.attempts
      dead.push(...round.dead)
      clock.advance(DAY / 48)
    }
    expect(attempts).toBe(MOST_ATTEMPTS)
    expect(await state(made)).toEqual([['dead', MOST_ATTEMPTS, null, 'ECONNREFUSED']])
    const [letter] = await admin().deliveries(made.endpoint, { limit: 1, state: 'dead' })
    expect(dead).toEqual([{ deliveryId: letter!.id, endpointId: made.endpoint.id, tenantId: tenant.id, error: 'ECONNREFUSED' }])
    await owner.query('UPDATE webhook_endpoint SET url = $1', [receiver.url()])
    expect(await admin().redeliver(made.endpoint, letter!.id)).toMatchObject({ id: letter!.id, state: 'pending', attempts: 0 })
    expect(await deliver(one)).toBe(1)
    expect(await state(made)).toEqual([['delivered', 1, 204, null]])
    expect(receiver.events()[0].id).toBe(letter!.eventId)
    for (const [is, count] of [['dead', 0], ['pending', 0], ['delivered', 1]] as const) expect(await admin().deliveries(made.endpoint, { limit: 9, state: is })).toHaveLength(count)
  })

  it('a receiver that says nothing holds an attempt no longer than its time', async () => {
    receiver.answers.push('silence')
    const own = new OutboundPools({ allowedCidrs: [], allowedPorts: [], allowLoopback: true })
    expect(await post(own, { endpointId: 'e', url: receiver.url(), headers: {}, body: '{}', timeoutMs: 150 })).toEqual({ status: null, error: 'timeout' })
    await own.closeAll()
  })

  it('are told once for each scope, period and threshold, however many workers see it and send it', async () => {
    const [own, platform] = [await listen(), await listen(null)]
    const workers = Array.from({ length: 8 }, () => worker())
    const facts = [fact(), fact({ scope: 'key:k' }), fact({ period: 'month:2026-12' }), fact({ thresholdPico: 7n })]
    const news = await Promise.all(workers.map((one) => tell(one, ...facts)))
    expect(news.reduce((sum, count) => sum + count, 0)).toBe(4)
    const attempts = await Promise.all(workers.map(deliver))
    expect(attempts.reduce((sum, count) => sum + count, 0)).toBe(8)
    expect(receiver.received).toHaveLength(8)
    expect(new Set(receiver.events().map(({ id }) => id)).size).toBe(4)
    for (const made of [own, platform]) expect((await state(made)).map(([is]) => is)).toEqual(Array(4).fill('delivered'))
    expect(await Promise.all(workers.map((one) => tell(one, ...facts)))).toEqual(Array(8).fill(0))
    expect(await tell(worker(), ...facts)).toBe(0)
  })

  it('that another worker is taking at this moment are left to it, not waited for', async () => {
    await listen()
    const one = worker()
    await tell(one, fact(), fact({ scope: 'key:k' }))
    await owner.query('BEGIN')
    await owner.query(`SELECT 1 FROM webhook_delivery WHERE body LIKE '%key:k%' FOR UPDATE`)
    expect(await deliver(one)).toBe(1)
    await owner.query('COMMIT')
    expect(receiver.events().map(({ data }) => data.scope)).toEqual(['tenant'])
    expect(await deliver(one)).toBe(1)
  })

  it('of a worker that died with one in its hands are sent by another', async () => {
    const made = await listen()
    await tell(worker(), fact())
    expect(await new DeliveryStore(workerDatabase!).claim(new Date(clock.now()), new Date(clock.now() + 60 * SECOND), 10)).toHaveLength(1)
    clock.advance(59 * SECOND)
    expect(await deliver(worker())).toBe(0)
    clock.advance(2 * SECOND)
    expect(await deliver(worker())).toBe(1)
    expect(await state(made)).toEqual([['delivered', 2, 204, null]])
  })

  it('taken over from a worker that was only slow hear no more of it: the later attempt decides', async () => {
    const made = await listen()
    await tell(worker(), fact())
    const store = new DeliveryStore(workerDatabase!)
    const claim = async () => (await store.claim(new Date(clock.now()), new Date(clock.now() + 60 * SECOND), 10))[0]!
    const slow = await claim()
    clock.advance(61 * SECOND)
    const next = await claim()
    expect([slow.attempt, next.attempt]).toEqual([1, 2])
    await store.finish(slow, { status: 410, error: 'http 410', retryAt: null }, new Date(clock.now()))
    expect(await state(made)).toEqual([['pending', 2, null, null]])
    await store.finish(next, { status: 204, error: null, retryAt: null }, new Date(clock.now()))
    expect(await state(made)).toEqual([['delivered', 2, 204, null]])
  })

  it('go to who asked for them: a tenant hears of itself, the platform of all, each of the kinds it named', async () => {
    const other = await addTenant()
    const [mine, theirs, all] = [await listen(tenant, ['budget.exhausted', 'budget.soft_exceeded']), await listen(other, ['budget.soft_exceeded']), await listen(null, ['budget.soft_exceeded', 'credit.low'])]
    const one = worker()
    await tell(one, fact(), fact({ type: 'budget.exhausted' }), fact({ type: 'credit.low' }))
    await one.deliverDue()
    const types = async ({ endpoint }: Awaited<ReturnType<typeof listen>>) => (await admin().deliveries(endpoint, { limit: 9 })).map(({ type }) => type).sort()
    expect([await types(mine), await types(theirs), await types(all)]).toEqual([['budget.exhausted', 'budget.soft_exceeded'], [], ['budget.soft_exceeded', 'credit.low']])
  })

  it('that nobody listens for wait for somebody who does', async () => {
    await listen(tenant, ['credit.low'])
    const one = worker()
    expect(await tell(one, fact())).toBe(0)
    const late = await listen()
    expect(await tell(one, fact())).toBe(1)
    expect(await state(late)).toEqual([['pending', 0, null, null]])
  })

  it('of a test are sent like any other, one at a time', async () => {
    const made = await listen()
    const delivery = await admin().test(tenant, made.endpoint)
    await expect(admin().test(tenant, made.endpoint)).rejects.toThrow('a test is on its way')
    await worker().deliverDue()
    expect(receiver.events()).toEqual([{ id: delivery.eventId, type: 'webhook.test', created_at: expect.any(String), tenant: tenant.slug, data: {} }])
    expect(isGenuine(made.secret, receiver.received[0]!)).toBe(true)
    await admin().test(tenant, made.endpoint)
  })

  it('are forgotten a month after their end; what was told stays told', async () => {
    const made = await listen()
    const one = worker()
    await tell(one, fact(), fact({ scope: 'key:k' }))
    await one.deliverDue()
    await owner.query(`UPDATE webhook_delivery SET state = 'pending', finished_at = NULL WHERE body LIKE '%key:k%'`)
    clock.advance(31 * DAY)
    await one.purge()
    expect((await state(made)).map(([is]) => is)).toEqual(['pending'])
    expect(await tell(worker(), fact())).toBe(0)
  })

  describe('addresses', () => {
    const refused = async (url: string, whose: WebhookOwner = tenant, config = PRODUCTION) =>
      admin(config).create(whose, { url, events: ['credit.low'], createdBy: WHO }).then(() => 'allowed', (error: { refusal: { code: string; details: { errors: { path: string }[] } } }) => `${error.refusal.code} ${error.refusal.details.errors.map(({ path }) => path)}`)

    it.each([
      'http://example.com/hook', 'https://10.0.1.10/hook', 'https://127.0.0.1/', 'https://localhost/', 'https://[::1]/', 'https://169.254.169.254/latest', 'https://metadata.google.internal/', 'https://user:pw@example.com/', 'https://example.com/#x',
      'https://example.com:22/', 'https://example.com:6379/', 'ftp://example.com/', 'https://2130706433/', 'https://[::ffff:10.0.1.10]/', 'not a url', 'https://example.com./',
    ])('a tenant may not name %s, whatever networks are open to hosts', async (url) => expect(await refused(url)).toBe('invalid_request url'))

    it('a tenant may name a public https address; the operator also where hosts may be', async () => {
      expect(await refused('https://hooks.example.com/a/b?c=d')).toBe('allowed')
      expect(await refused('http://10.0.1.10:9000/hook', null)).toBe('allowed')
      expect(await refused('http://169.254.169.254/', null)).toBe('invalid_request url')
      expect(await refused('http://127.0.0.1:1/', null)).toBe('invalid_request url')
    })

    it('that may not be called are not called, however they came to be there', async () => {
      const made = await listen()
      const port = new URL(receiver.url()).port
      for (const url of [receiver.url(), `http://localhost:${port}/`, `http://[::ffff:127.0.0.1]:${port}/`, 'https://10.0.1.10/']) {
        await owner.query('TRUNCATE webhook_event, webhook_delivery')
        await owner.query('UPDATE webhook_endpoint SET url = $1', [url])
        const one = worker(PRODUCTION)
        await tell(one, fact())
        await one.deliverDue()
        expect([url, ...(await state(made))[0]!]).toEqual([url, 'pending', 1, null, 'the address may not be called'])
      }
      expect(receiver.connections).toBe(0)
    })

    it('are at most twenty for one owner, also when they come at once', async () => {
      const ends = await Promise.allSettled(Array.from({ length: 25 }, () => listen()))
      expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(20)
      await listen(null)
    })
  })

  it('secrets lie sealed, and open for their own endpoint only', async () => {
    const made = await listen()
    const { rows } = await owner.query<{ secret: Buffer }>('SELECT secret FROM webhook_endpoint')
    expect(made.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    for (const text of [made.secret, made.secret.slice(6)]) expect(rows[0]!.secret.includes(text)).toBe(false)
    expect(rows[0]!.secret.includes(Buffer.from(made.secret.slice(6), 'base64'))).toBe(false)
    const other = await listen()
    await owner.query('UPDATE webhook_endpoint SET secret = $1 WHERE id = $2', [rows[0]!.secret, other.endpoint.id])
    const one = worker()
    await tell(one, fact())
    await one.deliverDue()
    expect(await state(other)).toEqual([['pending', 1, null, expect.stringContaining('TOLLGATE_SECRETS_KEY')]])
    expect(await state(made)).toEqual([['delivered', 1, 204, null]])
  })

  it("one owner's endpoint is not there for another", async () => {
    const { endpoint } = await listen()
    for (const whose of [await addTenant(), null]) await expect(admin().get(whose, endpoint.id)).rejects.toMatchObject({ refusal: { code: 'object_not_found' } })
    expect(await admin().get(tenant, endpoint.id)).toEqual(endpoint)
    await admin().remove(endpoint)
    expect(await admin().list(tenant, { limit: 9 })).toEqual([])
  })
})
