import { NestFactory } from '@nestjs/core'
import type { NestFastifyApplication } from '@nestjs/platform-fastify'
import { GatewayModule } from '../../apps/gateway/src/gateway.module'
import { WorkerModule } from '../../apps/worker/src/worker.module'
import { HostSecrets, HostsService, HostStore, ProbeService } from '../../libs/hosts'
import { createHttpApp } from '../../libs/platform/http'
import { Database } from '../../libs/platform/postgres'
import { SecretBox } from '../../libs/platform/secrets'
import { EndpointSecrets } from '../../libs/webhooks'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { SECRET as OLD } from '../support/seeding'

const { url: redisUrl } = redisTargets().at(-1)!
const NEW = 'the next key of the specs, also long enough'
const NAMES = ['one', 'two', 'three', 'four']
const MODEL = { one: 'm-one', two: 'm-two', three: 'm-three', four: 'm-four' } as Record<string, string>
const keyOf = (name: string) => `sk-upstream-key-of-${name}-0123456789`

jest.setTimeout(120_000)

describe('provider secrets', () => {
  let stack: Stack
  let tenant: SeededTenant
  let workerDatabase: Database
  const opened: NestFastifyApplication[] = []
  const secretsOf = (key: string, ...others: string[]) => new HostSecrets(new SecretBox(key, others), new HostStore(workerDatabase))
  const rows = async () => (await stack.owner.query<{ id: string; name: string; provider: string; secret: Buffer }>('SELECT id, name, provider, secret FROM host ORDER BY name')).rows
  const rowOf = async (name: string) => (await rows()).find((row) => row.name === name)!
  const store = (id: string, secret: Buffer | null) => stack.owner.query('UPDATE host SET secret = $2 WHERE id = $1', [id, secret])
  const ask = async (url: string, name: string) => {
    const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' }, body: JSON.stringify({ model: MODEL[name], messages: [{ role: 'user', content: 'hi' }] }) })
    return [answer.status, answer.headers.get('x-tollgate-host'), await answer.text()] as const
  }
  const fleetOf = (app: NestFastifyApplication) => app.get(HostsService, { strict: false })
  const gateway = async (key: string, ...others: string[]) => {
    const config = { ...stack.config, TOLLGATE_SECRETS_KEY: key, TOLLGATE_SECRETS_KEYS_ALSO: others }
    const app = await createHttpApp(GatewayModule.register(config), { config })
    await app.listen(0, '127.0.0.1')
    opened.push(app)
    return { app, url: await app.getUrl() }
  }

  const workerWith = (key: string, ...others: string[]) =>
    NestFactory.createApplicationContext(WorkerModule.register({ ...stack.config, DATABASE_URL: stack.database.workerUrl, TOLLGATE_SECRETS_KEY: key, TOLLGATE_SECRETS_KEYS_ALSO: others }), { logger: false, abortOnError: false })

  beforeAll(async () => {
    stack = await startStack({
      redisUrl,
      hosts: NAMES.map((name) => ({ name, region: 'us-east', dialect: name === 'four' ? 'anthropic' : 'openai', models: [MODEL[name]!], apiKey: keyOf(name), defaults: { gap: 0 } })),
      env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' },
    })
    workerDatabase = await Database.connect({ url: stack.database.workerUrl, role: 'tg_worker', entities: [], poolSize: 4 })
    tenant = await stack.addTenant({ tier: 'enterprise' })
  })
  beforeEach(async () => {
    const old = secretsOf(OLD)
    for (const row of await rows()) await store(row.id, old.seal(row, keyOf(row.name)).secret)
    await stack.owner.query(`UPDATE host SET status = 'healthy', last_error = NULL`)
    await fleetOf(stack.gateways[0]!).refresh()
    for (const host of stack.sandbox.hosts) await host.reset()
  })
  afterAll(async () => {
    for (const app of opened) await app.close()
    await workerDatabase?.close()
    await stack?.stop()
  })

  it('are wrapped anew under load, through a death half way, without a failed call; then the old key is not needed', async () => {
    const [before, after] = [await gateway(OLD, NEW), await gateway(NEW, OLD)]
    const heard: string[] = []
    let isOver = false
    const callers = [before.url, after.url].map(async (url, i) => {
      for (let turn = i; !isOver || turn < 40; turn++) {
        const name = NAMES[turn % NAMES.length]!
        const [status, host] = await ask(url, name)
        heard.push(`${status} ${host === name ? 'right' : host}`)
      }
    })
    const dying = new HostStore(workerDatabase)
    let left = 2
    const replaceSecret = dying.replaceSecret.bind(dying)
    dying.replaceSecret = async (...change) => {
      if (left-- === 0) throw new Error('killed')
      return replaceSecret(...change)
    }
    await expect(new HostSecrets(new SecretBox(NEW, [OLD]), dying).rewrap()).rejects.toThrow('killed')
    const isOld = async () => (await rows()).filter(({ secret }) => new SecretBox(NEW).isOld(secret)).length
    expect(await isOld()).toBe(2)
    for (const { app } of [before, after]) await fleetOf(app).refresh()
    const texts = (await rows()).map(({ secret }) => secret.subarray(-20))
    const workers = [secretsOf(NEW, OLD), secretsOf(NEW, OLD)]
    const done = await Promise.all(workers.map((worker) => worker.rewrap()))
    expect(done.reduce((sum, { rewrapped }) => sum + rewrapped, 0)).toBe(2)
    expect([await isOld(), (await secretsOf(NEW, OLD).rewrap()).rewrapped]).toEqual([0, 0])
    expect((await rows()).map(({ secret }) => secret.subarray(-20))).toEqual(texts)
    for (const { app } of [before, after]) await fleetOf(app).refresh()
    isOver = true
    await Promise.all(callers)
    expect(new Set(heard)).toEqual(new Set(['200 right']))
    const alone = await gateway(NEW)
    for (const name of NAMES) expect((await ask(alone.url, name)).slice(0, 2)).toEqual([200, name])
  })

  it('are wrapped anew by the worker itself, those of webhooks too', async () => {
    const [id, sealed] = ['019a0000-0000-7000-8000-00000000000a', new SecretBox(OLD).seal('whsec_x', 'webhook|platform|019a0000-0000-7000-8000-00000000000a')]
    await stack.owner.query(`INSERT INTO webhook_endpoint (id, url, events, secret, created_by, created_at) VALUES ($1, 'https://example.com/', '{budget.exceeded}', $2, $1, now())`, [id, sealed])
    const worker = await workerWith(NEW, OLD)
    try {
      await eventually(async () => {
        for (const { secret } of await rows()) expect(new SecretBox(NEW).isOld(secret)).toBe(false)
        const [endpoint] = (await stack.owner.query<{ secret: Buffer }>('SELECT secret FROM webhook_endpoint WHERE id = $1', [id])).rows
        expect(new SecretBox(NEW).open(endpoint!.secret, `webhook|platform|${id}`)).toBe('whsec_x')
      }, { timeoutMs: 30_000 })
      expect(await worker.get(EndpointSecrets, { strict: false }).rewrap()).toEqual({ rewrapped: 0, unreadable: [] })
    } finally {
      await worker.close()
    }
  })

  it.each([
    ['a flipped bit', async () => {
      const { id, secret } = await rowOf('one')
      secret[secret.length - 1]! ^= 1
      await store(id, secret)
      return ['one']
    }],
    ['two rows swapped', async () => {
      const [one, two] = [await rowOf('one'), await rowOf('two')]
      await store(one.id, two.secret)
      await store(two.id, one.secret)
      return ['one', 'two']
    }],
    ['a provider changed behind it', async () => {
      const { id, secret } = await rowOf('one')
      await store(id, secretsOf(OLD).seal({ id, provider: 'anthropic' }, keyOf('one')).secret ?? secret)
      return ['one']
    }],
    ['a key nobody has', async () => {
      const row = await rowOf('one')
      await store(row.id, secretsOf('a key that no process was ever given').seal(row, keyOf('one')).secret)
      return ['one']
    }],
  ])('that were tampered with are not used, told to the operator, and stop nobody else: %s', async (_how, tamper) => {
    const hit = await tamper()
    const app = stack.gateways[0]!
    await fleetOf(app).refresh()
    for (const name of NAMES) {
      const [status, host, text] = await ask(stack.url, name)
      if (!hit.includes(name)) expect([status, host]).toEqual([200, name])
      else expect([status, JSON.parse(text).error.code, stack.sandbox.host(name).log()]).toEqual([503, 'model_not_available', []])
    }
    const worker = await workerWith(OLD)
    try {
      await worker.get(ProbeService, { strict: false }).probeAll()
      const { rows: told } = await stack.owner.query('SELECT name FROM host WHERE status = $1 AND last_error LIKE $2 ORDER BY name', ['unhealthy', '%does not open%'])
      expect(told.map(({ name }) => name)).toEqual(hit)
    } finally {
      await worker.close()
    }
    expect((await secretsOf(NEW, OLD).rewrap()).unreadable.toSorted()).toEqual(hit)
  })

  it('are never in plain text in the database, nor kept by the fleet that calls with them', async () => {
    const dump = JSON.stringify((await stack.owner.query('SELECT h.*, encode(secret, \'escape\') AS escaped FROM host h')).rows)
    expect(dump).not.toMatch(/sk-upstream|0123456789/)
    const fleet = fleetOf(stack.gateways[0]!)
    expect(fleet.secretOf((await rowOf('one')).id)).toBe(keyOf('one'))
    const seen = new Set<object>()
    const walk = (value: unknown): string[] => {
      if (typeof value === 'string') return value.includes('sk-upstream') ? [value] : []
      if (typeof value !== 'object' || value === null || seen.has(value) || seen.size > 200_000) return []
      seen.add(value)
      const parts = value instanceof Map ? [...value.keys(), ...value.values()] : Object.values(value)
      return parts.flatMap(walk)
    }
    expect(walk(fleet)).toEqual([])
  })
})
