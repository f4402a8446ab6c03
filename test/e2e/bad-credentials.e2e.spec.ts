import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { ERRORS } from '../../libs/kernel'
import { mintApiKey } from '../../libs/tenants'
import { eventually, FaultProxy, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { behind, proxyOfPostgres } from './evidence'

const { url: redisUrl } = redisTargets().at(-1)!
let addresses = 1

/** A caller's address of its own for each attempt: the shield of failed log-ins counts by address block. */
const fromElsewhere = () => ({ 'x-forwarded-for': `10.${++addresses % 250}.${(addresses * 7) % 250}.9` })
const fresh = () => mintApiKey('live', (length) => randomBytes(length)).key
const swapLast = (text: string) => text.slice(0, -1) + (text.endsWith('a') ? 'b' : 'a')

describe('a credential that does not open the door', () => {
  let stack: Stack
  let tenant: SeededTenant
  let postgres: FaultProxy
  const wrongSecret = async () => {
    // The public id of a real key with a secret that is not its own: well-formed, so it is looked up.
    const other = mintApiKey('live', (length) => randomBytes(length))
    await stack.owner.query('UPDATE api_key SET public_id = $1 WHERE id = $2', [other.publicId, (await stack.addTenant()).keyId])
    return other.key
  }
  const revoked = async () => {
    const victim = await stack.addTenant()
    await stack.owner.query('UPDATE api_key SET revoked_at = now() WHERE id = $1', [victim.keyId])
    return victim.key
  }
  const expired = async () => {
    const victim = await stack.addTenant()
    await stack.owner.query(`UPDATE api_key SET expires_at = now() - interval '1 second' WHERE id = $1`, [victim.keyId])
    return victim.key
  }
  const bad: [string, () => string | Promise<string>][] = [
    ['unknown', fresh],
    ['wrong secret', wrongSecret],
    ['revoked', revoked],
    ['expired', expired],
    ['bad checksum', () => swapLast(tenant.key)],
    ['other alphabet', () => `${fresh().slice(0, -1)}-`],
    ['a prefix of a key', () => tenant.key.slice(0, -10)],
    ['a key and more', () => `${tenant.key}x`],
    ['another house’s key', () => 'sk-proj-abcdefghijklmnopqrstuvwxyz0123456789'],
    ['nothing', () => ''],
    ['4 kB of text', () => 'k'.repeat(4096)],
  ]

  beforeAll(async () => {
    postgres = await proxyOfPostgres()
    stack = await startStack({
      redisUrl,
      hasWorker: false,
      env: { TOLLGATE_TRUST_PROXY_HOPS: '1', OLLAMA_AUTO_HEALTH_CHECK: 'false' },
      throughProxy: (url) => behind(postgres, url),
    })
    tenant = await stack.addTenant()
  })
  afterAll(async () => {
    await stack.stop()
    await postgres.stop()
  })

  const chat = (headers: Record<string, string>, path = '/chat') =>
    fetch(stack.url + path, { method: 'POST', headers: { 'content-type': 'application/json', ...fromElsewhere(), ...headers }, body: JSON.stringify({ message: 'hi', messages: undefined }) })

  it.each(bad)('401: %s is refused with the one body all of them get', async (_name, make) => {
    const key = await make()
    const refused = { error: ERRORS.invalid_api_key.sentence, code: 'invalid_api_key', request_id: expect.any(String) }
    for (const headers of [{ authorization: `Bearer ${key}` }, { 'x-api-key': key }] as Record<string, string>[]) {
      const response = await chat(headers)
      expect(response.status).toBe(401)
      expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
      const body = (await response.json()) as { request_id: string }
      expect(body).toEqual(refused)
      expect(body.request_id).toBe(response.headers.get('x-request-id'))
    }
    const openai = await chat({ authorization: `Bearer ${key}` }, '/v1/chat/completions')
    expect(openai.status).toBe(401)
    expect(await openai.json()).toEqual({
      error: { message: ERRORS.invalid_api_key.sentence, type: 'invalid_request_error', param: null, code: 'invalid_api_key' },
      request_id: openai.headers.get('x-request-id'),
    })
  })

  it('401: a scheme other than bearer carries no key', async () => {
    const basic = Buffer.from(`${tenant.key}:`).toString('base64')
    for (const authorization of [`Basic ${basic}`, tenant.key, `Token ${tenant.key}`]) expect((await chat({ authorization })).status).toBe(401)
    expect((await chat({ authorization: `bearer ${tenant.key}` })).status).toBe(200)
  })

  it('401: a key with a bad checksum costs no query and no command', async () => {
    const redis = new Redis(redisUrl)
    // Commands of this spec's own database: others use the same server at the same time.
    const own = new URL(redisUrl).pathname.slice(1)
    const monitor = await redis.monitor().catch(() => null)
    const counted = new Set<string>()
    monitor?.on('monitor', (_time: string, args: string[], _source: string, database: string) => {
      const [name] = /shield:\S+/.exec(args.join(' ')) ?? []
      if (database === own && name) counted.add(name)
    })
    // Without Postgres the answer would be another: nothing is asked of it.
    await postgres.set({ is: 'refuse' })
    for (let i = 0; i < 100; i++) expect((await chat({ authorization: `Bearer ${swapLast(fresh())}` })).status).toBe(401)
    // The same call with a well-formed key does reach for Postgres, and then for the count of failures.
    expect((await chat({ authorization: `Bearer ${fresh()}` })).status).toBe(503)
    await postgres.set({ is: 'none' })
    await eventually(async () => expect((await chat({ authorization: `Bearer ${fresh()}` })).status).toBe(401))
    if (monitor) await eventually(() => expect(counted.size).toBe(1))
    monitor?.disconnect()
    await redis.quit()
  })

  it.each(['api_key', 'apikey', 'key', 'token', 'API_KEY'])('400: a key in the query as %s is refused, right or wrong, and not echoed', async (name) => {
    for (const key of [tenant.key, 'anything']) {
      const response = await chat({ authorization: `Bearer ${tenant.key}` }, `/chat?x=1&${name}=${key}`)
      expect(response.status).toBe(400)
      const text = await response.text()
      expect(JSON.parse(text)).toMatchObject({ code: 'api_key_in_query' })
      expect(text).not.toContain(key === tenant.key ? key : '=anything')
    }
  })

  it('429: guesses from one address block are stopped after 20 a minute, also for a right key there; others go on', async () => {
    const there = { 'x-forwarded-for': '203.0.113.7' }
    const statuses: number[] = []
    for (let i = 0; i < 21; i++) statuses.push((await chat({ ...there, authorization: `Bearer ${fresh()}` })).status)
    expect(statuses).toEqual([...Array<number>(20).fill(401), 429])
    const neighbour = await chat({ 'x-forwarded-for': '203.0.113.200', authorization: `Bearer ${tenant.key}` })
    expect(neighbour.status).toBe(429)
    expect(Number(neighbour.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await chat({ 'x-forwarded-for': '203.0.114.7', authorization: `Bearer ${tenant.key}` })).status).toBe(200)
  })

  it('403: a right key from outside the networks it is bound to, or without the scope of the route', async () => {
    const bound = await stack.addTenant()
    await stack.owner.query(`UPDATE api_key SET ip_cidrs = '{198.51.100.0/25,2001:db8:1::/48}', scopes = '{chat}' WHERE id = $1`, [bound.keyId])
    const from = async (ip: string) => {
      const response = await chat({ 'x-forwarded-for': ip, 'x-api-key': bound.key })
      return [response.status, ((await response.json()) as { code?: string }).code]
    }
    expect([await from('198.51.100.127'), await from('2001:db8:1::ffff:1')]).toEqual([[200, undefined], [200, undefined]])
    expect([await from('198.51.100.128'), await from('2001:db8:2::1')]).toEqual([[403, 'address_not_allowed'], [403, 'address_not_allowed']])
    const models = await fetch(`${stack.url}/models`, { headers: { 'x-forwarded-for': '198.51.100.1', 'x-api-key': bound.key } })
    expect([models.status, await models.json()]).toEqual([403, expect.objectContaining({ code: 'scope_not_allowed' })])
  })

  it('429: guesses from one /56 of IPv6 are stopped, whichever way its addresses are written', async () => {
    const statuses: number[] = []
    for (let i = 0; i < 21; i++) statuses.push((await chat({ 'x-forwarded-for': `2001:db8:7:1${10 + i}::${i + 1}`, authorization: `Bearer ${fresh()}` })).status)
    expect(statuses).toEqual([...Array<number>(20).fill(401), 429])
    expect((await chat({ 'x-forwarded-for': '2001:db8:7:200::1', authorization: `Bearer ${tenant.key}` })).status).toBe(200)
  })
})
