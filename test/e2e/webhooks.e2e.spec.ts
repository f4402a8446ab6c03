import { NestFactory } from '@nestjs/core'
import type { INestApplicationContext } from '@nestjs/common'
import { WorkerModule } from '../../apps/worker/src/worker.module'
import { decimalFromPico } from '../../libs/kernel'
import { isGenuine, Receiver } from '../../libs/webhooks/receiver-fixture'
import { startAdmin, type AdminApp } from '../admin/admin-app'
import { eventually, redisTargets, spawnApp, startStack, type SeededTenant, type Stack } from '../support'
import { sumsOf } from '../support/books'
import { SECRET } from '../support/seeding'

const redisUrl = redisTargets().at(-1)!.url
const BODY = { message: 'one two three', model: 'phi3', max_tokens: 5 }
/** What BODY costs: six tokens in, five out. */
const COST = 6n * 1_000_000n + 5n * 2_000_000n
/** Attempts before a delivery is dead (libs/webhooks/README.md). */
const MOST_ATTEMPTS = 9

jest.setTimeout(120_000)

describe('webhooks of real traffic', () => {
  let stack: Stack
  let admin: AdminApp
  let receiver: Receiver
  let [owner, billing]: string[] = []
  let workers: INestApplicationContext[] = []
  const seen: string[] = []

  beforeAll(async () => {
    stack = await startStack({ redisUrl, hasWorker: false, hosts: [{ name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['phi3'], defaults: { gap: 0 } }], env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
    admin = await startAdmin({ TOLLGATE_SECRETS_KEY: SECRET, TOLLGATE_KEY_PEPPER: SECRET }, stack.database)
    owner = await admin.personToken('owner')
    billing = await admin.personToken('billing')
  })
  beforeEach(async () => {
    receiver = await Receiver.start()
  })
  afterEach(async () => {
    for (const worker of workers) await worker.close()
    workers = []
    await receiver.stop()
    await stack.owner.query('TRUNCATE webhook_event, webhook_endpoint, webhook_delivery')
  })
  afterAll(async () => {
    await admin.stop()
    await stack.stop()
  })

  /** Workers as they are started, on another configuration than the gateway's where that is asked for. */
  async function startWorkers(count: number, over: Partial<Stack['config']> = {}): Promise<void> {
    const config = { ...stack.config, DATABASE_URL: stack.database.workerUrl, ...over }
    for (let i = 0; i < count; i++) workers.push(await NestFactory.createApplicationContext(WorkerModule.register(config), { logger: false, abortOnError: false }))
  }
  async function endpointOf(tenant: SeededTenant | null, events: string[], token = owner!): Promise<{ id: string; secret: string; url: string }> {
    const url = tenant ? `/admin/tenants/${tenant.slug}/webhooks` : '/admin/webhooks'
    const { status, body } = await admin.call('POST', url, { token, body: { url: receiver.url(), events } })
    expect([status, body]).toEqual([201, expect.objectContaining({ url: receiver.url() })])
    seen.push(body.secret)
    return { id: body.id, secret: body.secret, url: `${url}/${body.id}` }
  }
  const calls = (key: string, count: number) => Promise.all(Array.from({ length: count }, async () => (await stack.post('/chat', key, BODY)).status))
  const deliveries = async (url: string, query = '') => (await admin.call('GET', `${url}/deliveries${query}`, { token: billing! })).body.data
  /** The pause before the next attempt is over at once. */
  const hurry = () => stack.owner.query(`UPDATE webhook_delivery SET next_at = now() WHERE state = 'pending' AND last_error IS NOT NULL`)
  const patch = (path: string, body: object) => admin.call('PATCH', `/admin/tenants/${path}`, { token: owner!, body })

  it('a soft budget that a storm passes is told once, by one of two workers, after two refusals, signed; the calls are all served', async () => {
    const tenant = await stack.addTenant({ tier: 'enterprise' })
    expect((await patch(tenant.slug, { soft_budget: decimalFromPico(COST * 2n) })).status).toBe(200)
    const tenantOwner = await admin.personToken('owner', tenant.id)
    const endpoint = await endpointOf(tenant, ['budget.soft_exceeded'], tenantOwner)
    // Different ones, so that each tells that its attempt is over: one is counted when it begins.
    receiver.answers.push(500, 503)
    await startWorkers(2)
    expect(await calls(tenant.key, 20)).toEqual(Array(20).fill(200))
    for (const [at, status] of [500, 503, 204].entries()) {
      await eventually(async () => expect((await deliveries(endpoint.url))[0]).toMatchObject({ attempts: at + 1, last_status: status }), { timeoutMs: 20_000 })
      await hurry()
    }
    expect(receiver.received).toHaveLength(3)
    expect(new Set(receiver.received.map(({ body, headers }) => `${String(headers['webhook-id'])} ${body}`)).size).toBe(1)
    for (const sent of receiver.received) expect([isGenuine(endpoint.secret, sent), isGenuine(`whsec_${Buffer.alloc(32).toString('base64')}`, sent)]).toEqual([true, false])
    const [event] = receiver.events()
    expect(event).toMatchObject({ type: 'budget.soft_exceeded', tenant: tenant.slug, data: { scope: 'tenant', soft_budget: decimalFromPico(COST * 2n), limit: null, currency: 'USD', resets_at: expect.stringMatching(/T00:00:00\.000Z$/) } })
    expect(Number(event.data.spent)).toBeGreaterThan(Number(event.data.soft_budget))
    expect(await deliveries(endpoint.url)).toEqual([expect.objectContaining({ event_id: event.id, state: 'delivered', attempts: 3 })])

    // A new threshold is news of its own; by the time it is heard, anything told twice would have been heard too.
    expect((await patch(tenant.slug, { soft_budget: decimalFromPico(COST * 20n) })).status).toBe(200)
    expect(await calls(tenant.key, 1)).toEqual([200])
    await eventually(() => expect(receiver.received.length).toBeGreaterThan(3), { timeoutMs: 20_000 })
    expect(receiver.events().slice(3)).toEqual([expect.objectContaining({ data: expect.objectContaining({ soft_budget: decimalFromPico(COST * 20n), spent: decimalFromPico(COST * 21n) }) })])
    await stack.settled()
    expect((await sumsOf(stack.owner, tenant.id)).ledger).toBe(String(COST * 21n))
  })

  it('those of a project and of a key, and a hard budget that refuses, are told apart; the platform hears of all', async () => {
    const tenant = await stack.addTenant({ tier: 'enterprise' })
    const { body: project } = await admin.call('POST', `/admin/tenants/${tenant.slug}/projects`, { token: owner!, body: { slug: 'lab', name: 'Lab', soft_budget: decimalFromPico(1n) } })
    const made = await admin.call('POST', `/admin/tenants/${tenant.slug}/keys`, { token: owner!, body: { name: 'k', project: 'lab', soft_budget: decimalFromPico(2n), max_budget: decimalFromPico(COST * 20n) } })
    expect(made.status).toBe(201)
    await endpointOf(null, ['budget.soft_exceeded', 'budget.exhausted'], billing!)
    await startWorkers(1)
    expect(await calls(made.body.key, 1)).toEqual([200])
    expect((await calls(made.body.key, 60)).sort().at(-1)).toBe(429)
    // While calls run, it is what they reserve that refuses; a limit is exhausted when what is spent of it does.
    await stack.settled()
    await eventually(async () => expect(await calls(made.body.key, 1)).toEqual([429]), { timeoutMs: 20_000 })
    // The platform hears of the other tenants too.
    const told = () => receiver.events().filter(({ tenant: slug }) => slug === tenant.slug).map(({ type, data }) => [type, data.scope, data.soft_budget, data.limit]).sort()
    await eventually(() => expect(told()).toHaveLength(3), { timeoutMs: 20_000 })
    expect(told()).toEqual([
      ['budget.exhausted', `key:${made.body.id}`, decimalFromPico(2n), decimalFromPico(COST * 20n)],
      ['budget.soft_exceeded', `key:${made.body.id}`, decimalFromPico(2n), decimalFromPico(COST * 20n)],
      ['budget.soft_exceeded', `project:${project.id}`, decimalFromPico(1n), null],
    ])
  })

  it('a private address is called only where that is allowed, whoever wrote it down', async () => {
    const tenant = await stack.addTenant({ tier: 'enterprise' })
    await patch(tenant.slug, { soft_budget: decimalFromPico(1n) })
    const endpoint = await endpointOf(tenant, ['budget.soft_exceeded'])
    await startWorkers(1, { TOLLGATE_ALLOW_LOOPBACK_HOSTS: false })
    expect(await calls(tenant.key, 1)).toEqual([200])
    await eventually(async () => expect(await deliveries(endpoint.url)).toEqual([expect.objectContaining({ state: 'pending', attempts: 1, last_status: null, last_error: 'the address may not be called' })]), { timeoutMs: 20_000 })
    expect(receiver.connections).toBe(0)
    const foreign = await admin.call('POST', `/admin/tenants/${tenant.slug}/webhooks`, { token: owner!, body: { url: 'https://10.0.1.10/hook', events: ['credit.low'] } })
    expect(foreign).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ path: 'url' }] } })
  })

  it('what nobody took is listed as dead and named in the log, the operator sends it again; secrets and bodies are in no log and no row', async () => {
    const tenant = await stack.addTenant({ tier: 'enterprise' })
    await patch(tenant.slug, { soft_budget: decimalFromPico(1n) })
    const endpoint = await endpointOf(tenant, ['budget.soft_exceeded'])
    receiver.answers.push(...Array<number>(MOST_ATTEMPTS).fill(503))
    const env = { DATABASE_URL: stack.database.workerUrl, REDIS_URL: redisUrl, TOLLGATE_KEY_PEPPER: SECRET, TOLLGATE_JWT_SECRET: SECRET, TOLLGATE_SECRETS_KEY: SECRET, TOLLGATE_ALLOW_LOOPBACK_HOSTS: 'true', LOG_LEVEL: 'debug' }
    const worker = await spawnApp('apps/worker/src/main', env, { line: /Tollgate worker runs/ }, { timeoutMs: 60_000 })
    expect(await calls(tenant.key, 1)).toEqual([200])
    const letter = await eventually(async () => {
      await hurry()
      const [found] = await deliveries(endpoint.url, '?state=dead')
      expect(found).toMatchObject({ state: 'dead', attempts: MOST_ATTEMPTS, last_status: 503, last_error: 'http 503' })
      return found
    }, { timeoutMs: 60_000 })
    await eventually(() => expect(worker.output()).toContain(letter.id), { timeoutMs: 20_000 })
    expect((await admin.call('POST', `${endpoint.url}/deliveries/${letter.id}/redeliver`, { token: billing! })).status).toBe(202)
    await eventually(async () => expect(await deliveries(endpoint.url)).toEqual([expect.objectContaining({ id: letter.id, state: 'delivered', attempts: 1 })]), { timeoutMs: 20_000 })
    expect(await deliveries(endpoint.url, '?state=dead')).toEqual([])
    expect((await admin.call('GET', `${endpoint.url}/deliveries?state=lost`, { token: billing! })).status).toBe(400)
    expect(new Set(receiver.events().map(({ id }) => id)).size).toBe(1)
    await worker.stop()

    const { rows } = await stack.owner.query(`SELECT e::text || d::text AS everything, encode(e.secret, 'escape') AS sealed FROM webhook_endpoint e JOIN webhook_delivery d ON d.endpoint_id = e.id`)
    const { body: listed } = await admin.call('GET', endpoint.url, { token: owner! })
    const places = [worker.output(), JSON.stringify([rows, listed, await deliveries(endpoint.url)])]
    expect(places[1]).toContain(tenant.slug)
    for (const secret of seen) for (const form of [secret, secret.slice(6), Buffer.from(secret.slice(6), 'base64').toString('hex')]) for (const place of places) expect(place.includes(form)).toBe(false)
    for (const text of ['soft_exceeded', receiver.url(), 'v1,']) expect([text, worker.output().includes(text)]).toEqual([text, false])
  })
})
