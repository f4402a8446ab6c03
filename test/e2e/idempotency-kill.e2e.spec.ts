import { createHash, randomBytes } from 'node:crypto'
import { findRedisServer } from '../../libs/platform/embedded'
import { fingerprint } from '../../libs/idempotency'
import { picoFromDecimal, uuidv7 } from '../../libs/kernel'
import { eventually, freePorts, startStack, type SeededTenant, type Stack } from '../support'
import { Mortal } from '../support/mortal'
import { ledgerSum, usageRow } from './evidence'
import { moneyRedises } from './money-fixture'

const LEASE_MS = 4_000
const BODY = { message: 'one two', model: 'phi3', stream: true }
const whenServer = findRedisServer() ? describe : describe.skip

interface Told {
  readonly status: number
  readonly rid: string | null
  // oxlint-disable-next-line typescript/no-explicit-any -- replies of several shapes
  readonly body: any
}

whenServer('Idempotency-Key when gateways die or stall', () => {
  const server = moneyRedises().find(({ isOutbox }) => isOutbox)!
  let redis: Awaited<ReturnType<typeof server.start>>
  let stack: Stack
  let gateways: Mortal[]
  let worker: Mortal
  let urls: string[]
  let tenant: SeededTenant

  beforeAll(async () => {
    redis = await server.start()
    stack = await startStack({ redisUrl: redis.url, hosts: [{ name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['phi3'] }], gateways: 0, hasWorker: false })
    const { TOLLGATE_KEY_PEPPER, TOLLGATE_JWT_SECRET, TOLLGATE_SECRETS_KEY } = stack.config
    const env = {
      LOG_LEVEL: 'silent', HOST: '127.0.0.1', REDIS_URL: redis.url, TOLLGATE_KEY_PEPPER, TOLLGATE_JWT_SECRET, TOLLGATE_SECRETS_KEY, TOLLGATE_ALLOW_LOOPBACK_HOSTS: 'true', PREFERRED_PROVIDER: 'ollama',
      OLLAMA_AUTO_HEALTH_CHECK: 'false', TOLLGATE_CHECKPOINT_MS: '100', TOLLGATE_LEASE_MS: String(LEASE_MS), TOLLGATE_REDIS_TIMEOUT_MS: '5000',
    }
    const ports = await freePorts(3)
    urls = ports.map((port) => `http://127.0.0.1:${port}`)
    gateways = ports.map((port, index) => new Mortal(`gateway ${index}`, 'apps/gateway/src/main', { ...env, PORT: String(port), DATABASE_URL: stack.database.appUrl }))
    worker = new Mortal('worker', 'apps/worker/src/main', { ...env, DATABASE_URL: stack.database.workerUrl })
    await Promise.all([...gateways, worker].map((process) => process.start()))
  }, 60_000)
  beforeEach(async () => {
    tenant = await stack.addTenant({ tier: 'enterprise' })
    await host().reset()
  })
  afterAll(async () => {
    await Promise.all([...gateways, worker].map((process) => process.stop()))
    await stack.stop()
    await redis.stop()
  }, 30_000)

  const host = () => stack.sandbox.host('ollama-us')
  const upstream = () => host().log().map((entry) => entry.request_id)
  const send = (gateway: number, key: string) =>
    fetch(`${urls[gateway]!}/chat`, { method: 'POST', body: JSON.stringify(BODY), headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json', 'idempotency-key': key } })
  const told = async (gateway: number, key: string): Promise<Told> => {
    const response = await send(gateway, key)
    const text = await response.text()
    return { status: response.status, rid: response.headers.get('x-request-id'), body: text.startsWith('{') ? JSON.parse(text) : text }
  }
  /** Lets a gateway look up the tenant, so that its next answer comes well within a lease. */
  const know = async (gateway: number) => expect((await fetch(`${urls[gateway]!}/v1/models`, { headers: { authorization: `Bearer ${tenant.key}` } })).status).toBe(200)
  /** Reads until so many deltas came; the rest is left unread. */
  const listen = async (response: Response, deltas: number): Promise<string> => {
    const reader = response.body!.getReader()
    for (let text = ''; text.split('"delta"').length <= deltas; ) text += Buffer.from((await reader.read()).value!).toString()
    void reader.closed.catch(() => undefined)
    return response.headers.get('x-request-id')!
  }

  it('killed in mid-call: twins wait while the lease runs, then are told what was billed; nothing runs or is billed twice', async () => {
    await host().set('ok;words=500;gap=20')
    await know(1)
    const rid = await listen(await send(0, 'killed'), 10)
    await gateways[0]!.die()
    const diedAtMs = performance.now()
    expect(await told(1, 'killed')).toMatchObject({ status: 409, body: { code: 'idempotency_in_progress' } })
    const seen = new Set(['409 idempotency_in_progress'])
    const final = await eventually(async () => {
      const answer = await told(1, 'killed')
      seen.add(`${answer.status} ${answer.body.code}`)
      expect(answer.body.code).toBe('already_completed')
      return answer
    }, { timeoutMs: 30_000 })
    process.stderr.write(`the key of a dead gateway was settled ${Math.round(performance.now() - diedAtMs)} ms after its death (lease ${LEASE_MS} ms)\n`)
    expect([...seen].sort()).toEqual(['409 already_completed', '409 idempotency_in_progress'])
    const row = await usageRow(stack.owner, rid)
    expect(row).toMatchObject({ status: 'swept' })
    expect(row.amount_pico).toBeGreaterThan(0n)
    expect(final.body.original).toMatchObject({ request_id: rid, status: 'aborted', finish_reason: null })
    expect(picoFromDecimal(final.body.original.cost)).toBe(row.amount_pico)
    await gateways[0]!.start()
    for (const gateway of [0, 1, 2]) expect((await told(gateway, 'killed')).body.original).toEqual(final.body.original)
    expect(upstream()).toEqual([rid])
    expect(await ledgerSum(stack.owner, tenant.id)).toBe(row.amount_pico)
  }, 120_000)

  it('killed before a word came: told so, at no cost, and not run again', async () => {
    await host().set('ok;words=5;delay=20000')
    void send(0, 'early').catch(() => undefined)
    await eventually(() => expect(upstream()).toHaveLength(1))
    await gateways[0]!.die()
    const final = await eventually(async () => {
      const answer = await told(2, 'early')
      expect(answer.body.code).toBe('already_completed')
      return answer
    }, { timeoutMs: 30_000 })
    expect(final.body.original).toMatchObject({ request_id: upstream()[0], status: 'aborted', cost: '0' })
    expect(upstream()).toHaveLength(1)
    await gateways[0]!.start()
  }, 120_000)

  it('killed between key and dispatch: once the lease ran out the twins of the other gateways run it once, under its request id', async () => {
    await host().set('ok;words=10;gap=10')
    // What a gateway leaves behind that dies right after it took the key.
    const id = uuidv7(Date.now(), randomBytes(10))
    await stack.owner.query(
      `INSERT INTO idempotent_call (tenant_id, route, key_hash, body_hash, rid, owner, leased_until, expires_at) VALUES ($1, 'POST /chat', $2, $3, $4, $4, now() + interval '1 minute', now() + interval '24 hours')`,
      [tenant.id, createHash('sha256').update('undispatched').digest(), fingerprint({ params: {}, body: BODY }), id],
    )
    expect(await told(1, 'undispatched')).toMatchObject({ status: 409, body: { code: 'idempotency_in_progress' } })
    await stack.owner.query('UPDATE idempotent_call SET leased_until = now() WHERE rid = $1', [id])
    const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => told(i % 3, 'undispatched')))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.find(({ status }) => status === 200)).toMatchObject({ rid: id })
    expect(upstream()).toEqual([id])
    const row = await usageRow(stack.owner, id)
    expect(row).toMatchObject({ status: 'completed', completion_tokens: 11 })
    expect((await told(2, 'undispatched')).body.original).toMatchObject({ request_id: id, status: 'completed' })
  }, 120_000)

  it('stalled for longer than the lease: its twin meets the reservation and waits; when it wakes up it is billed once', async () => {
    await host().set('ok;words=60;gap=20')
    await know(1)
    const response = await send(0, 'stalled')
    const rid = await listen(response, 10)
    gateways[0]!.freeze()
    const codes = new Set<string>()
    await eventually(async () => {
      codes.add((await told(1, 'stalled')).body.code as string)
      expect(codes).toContain('already_completed')
    }, { timeoutMs: 30_000 })
    gateways[0]!.thaw()
    expect([...codes].sort()).toEqual(['already_completed', 'idempotency_in_progress'])
    const row = await eventually(async () => {
      const found = await usageRow(stack.owner, rid)
      expect(found.status).not.toBe('swept')
      return found
    }, { timeoutMs: 10_000 })
    const final = await eventually(async () => {
      const { original } = (await told(2, 'stalled')).body
      expect(original.status).not.toBe('swept')
      expect(picoFromDecimal(original.cost)).toBe(row.amount_pico)
      return original
    })
    expect(final.request_id).toBe(rid)
    expect(upstream()).toEqual([rid])
    await eventually(async () => expect(await ledgerSum(stack.owner, tenant.id)).toBe(row.amount_pico))
  }, 120_000)
})
