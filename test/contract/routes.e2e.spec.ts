import { createHash } from 'node:crypto'
import { Redis } from 'ioredis'
import { redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { atRest } from '../e2e/evidence'

const { url: redisUrl } = redisTargets().at(-1)!
/** Answered without a credential: liveness, readiness, metrics. Nothing else, ever. */
const OPEN = ['/healthz', '/readyz', '/metrics', '/.well-known/jwks.json']
/** Read one thing by its id, which nothing here has. */
const BY_ID = ['/v1/requests/:id', '/v1/requests/:id/receipt', '/v1/requests/:id/explain', '/v1/providers/:provider/models', '/v1/conversations/:id', '/v1/conversations/:id/turns', '/v1/conversations/:id/export']
/** Reads that clients send as POST. */
const LOOKS = ['/api/show', '/v1/explain', '/v1/messages/count_tokens', '/v1/providers/health-check']
const MESSAGES = [{ role: 'user', content: 'one two' }]
/** Bodies that the inference routes of this release serve. Another POST route must be added here, or refuse `ANY`. */
const BODIES: Record<string, object> = {
  '/api/chat': { messages: MESSAGES, model: 'llama3.2' },
  '/api/generate': { prompt: 'one two', model: 'llama3.2' },
  '/chat': { message: 'one two', model: 'llama3.2' },
  '/chat/smart': { message: 'one two', model: 'llama3.2' },
  '/chat/completions': { messages: MESSAGES, model: 'llama3.2' },
  '/v1/embeddings': { input: 'one two', model: 'nomic-embed-text' },
  '/api/embed': { input: 'one two', model: 'nomic-embed-text' },
  '/api/embeddings': { prompt: 'one two', model: 'nomic-embed-text' },
  '/v1/messages': { messages: MESSAGES, model: 'llama3.2', max_tokens: 1_000 },
  '/v1/completions': { prompt: 'one two', model: 'llama3.2' },
  '/v1/responses': { input: 'one two', model: 'llama3.2' },
  '/v1/chat/completions': { messages: MESSAGES, model: 'llama3.2' },
  '/v1/projects/:tenant/:project/chat/completions': { messages: MESSAGES, model: 'llama3.2' },
}
/** Has something for every dialect there is, so that a route nobody listed is likely to take it. */
const ANY = { model: 'llama3.2', messages: MESSAGES, message: 'one', prompt: 'one', input: 'one', max_tokens: 8, stream: false }

interface Route {
  readonly method: string
  readonly path: string
}

/** Reads Fastify's own drawing of its routes: a tree, four characters a level. */
function routesOf(drawing: string): Route[] {
  const parents: string[] = []
  return drawing.split('\n').flatMap((line) => {
    const match = /^((?:│ {3}| {4})*)[├└]── (.*?) \(([A-Z, ]+)\)$/.exec(line)
    if (!match) return []
    const level = match[1]!.length / 4
    // The drawing leaves out the slash before a wildcard.
    parents[level] = (level > 0 ? parents[level - 1]! : '') + match[2]!.replace(/^\*/, '/*')
    return match[3]!.split(', ').map((method) => ({ method, path: parents[level]! }))
  })
}

describe('the routes of the gateway', () => {
  let stack: Stack
  let tenant: SeededTenant
  let redis: Redis
  let routes: Route[]
  beforeAll(async () => {
    stack = await startStack({ redisUrl, hasWorker: false, hosts: [{ name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['llama3.2', 'nomic-embed-text'] }], env: { TOLLGATE_TRUST_PROXY_HOPS: '1', OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
    tenant = await stack.addTenant({ tier: 'enterprise' })
    await stack.owner.query(`INSERT INTO project (tenant_id, id, slug, name) VALUES ($1, gen_random_uuid(), 'web', 'Web')`, [tenant.id])
    redis = new Redis(redisUrl)
    routes = routesOf(stack.gateways[0]!.getHttpAdapter().getInstance().printRoutes({ commonPrefix: false }))
  })
  afterAll(async () => {
    await redis.quit()
    await stack.stop()
  })

  const fill = (path: string) => path.replace(':tenant', tenant.slug).replace(':project', 'web').replace(/:\w+/g, 'x').replace('*', 'llama3.2')
  const send = ({ method, path }: Route, headers: Record<string, string>, body?: object) =>
    fetch(stack.url + fill(path), { method, headers: { 'content-type': 'application/json', 'x-forwarded-for': `10.1.${Math.ceil(Math.random() * 250)}.1`, ...headers }, body: ['GET', 'HEAD'].includes(method) ? undefined : JSON.stringify(body ?? ANY) })
  const counted = async () => {
    const bucket = String(createHash('sha256').update(tenant.id).digest()[0]! % 64).padStart(2, '0')
    return Number((await redis.hget(`{b${bucket}}:lim:t:${tenant.id}`, 'r')) ?? 0)
  }
  const dispatched = () => stack.sandbox.hosts.reduce((sum, host) => sum + host.stats().requests, 0)

  it('are read from Fastify itself, and every body above is for one that exists', () => {
    const paths = routes.filter(({ method }) => method === 'POST').map(({ path }) => path)
    expect(paths).toEqual(expect.arrayContaining(Object.keys(BODIES)))
    expect(routes.map(({ path }) => path)).toEqual(expect.arrayContaining(OPEN))
    const fastify = stack.gateways[0]!.getHttpAdapter().getInstance()
    for (const { method, path } of routes) expect({ method, path, isThere: fastify.hasRoute({ method, url: path }) }).toEqual({ method, path, isThere: true })
  })

  it('give nothing without a credential, but for liveness, readiness and metrics', async () => {
    for (const route of routes) {
      const { status } = await send(route, {}, BODIES[route.path])
      if (OPEN.includes(route.path)) expect({ ...route, status }).toEqual({ ...route, status: 200 })
      else expect({ ...route, status }).toEqual({ ...route, status: 401 })
    }
    expect(dispatched()).toBe(0)
  })

  it('give nothing to a revoked key either', async () => {
    const revoked = await stack.addTenant({ tier: 'enterprise' })
    await stack.owner.query('UPDATE api_key SET revoked_at = now() WHERE id = $1', [revoked.keyId])
    for (const route of routes.filter(({ path }) => !OPEN.includes(path))) expect({ ...route, status: (await send(route, { 'x-api-key': revoked.key }, BODIES[route.path])).status }).toEqual({ ...route, status: 401 })
    expect(dispatched()).toBe(0)
  })

  it.each([false, true])('admit each inference call exactly once, at the one admission point (stream: %s)', async (stream) => {
    const seen: string[] = []
    for (const route of routes.filter(({ method, path }) => !['GET', 'HEAD', 'OPTIONS'].includes(method) && !LOOKS.includes(path))) {
      const [before, sentBefore] = [await counted(), dispatched()]
      const response = await send(route, { 'x-api-key': tenant.key }, { ...(BODIES[route.path] ?? ANY), stream })
      await response.text()
      const [admitted, sent] = [(await counted()) - before, dispatched() - sentBefore]
      if (BODIES[route.path]) expect({ ...route, status: response.status, admitted, sent }).toEqual({ ...route, status: 200, admitted: 1, sent: 1 })
      else expect({ ...route, isRight: response.status < 400 ? admitted === 1 : admitted === 0 && sent === 0 }).toEqual({ ...route, isRight: true })
      seen.push(route.path)
    }
    expect(seen).toEqual(expect.arrayContaining(Object.keys(BODIES)))
    await atRest(redisUrl)
  })

  it.each([false, true])('honour an Idempotency-Key on every inference route (stream: %s)', async (stream) => {
    for (const [path, body] of Object.entries(BODIES)) {
      const [key, sentBefore] = [`routes-${stream}-${path.length}`, dispatched()]
      const ask = (idempotencyKey: string, more: object = {}) => send({ method: 'POST', path }, { 'x-api-key': tenant.key, 'idempotency-key': idempotencyKey }, { ...body, stream, ...more })
      const first = await ask(key)
      await first.text()
      const [second, other, bad] = [await ask(key), await ask(key, { model: 'phi3' }), await ask('no key')]
      expect({ path, statuses: [first, second, other, bad].map(({ status }) => status), sent: dispatched() - sentBefore }).toEqual({ path, statuses: [200, 409, 422, 400], sent: 1 })
      expect(await second.text()).toContain(first.headers.get('x-request-id'))
    }
  })

  it('admit nothing that is refused before: bad bodies, unknown models', async () => {
    for (const path of Object.keys(BODIES)) {
      for (const body of [{}, { ...BODIES[path], model: 'nope' }, { ...BODIES[path], max_tokens: -1, max_output_tokens: -1, options: { temperature: 'hot' }, input: '', ...(path === '/api/embeddings' ? { prompt: '' } : {}) }]) {
        const [before, sentBefore] = [await counted(), dispatched()]
        const { status } = await send({ method: 'POST', path }, { 'x-api-key': tenant.key }, body)
        expect({ path, status: status >= 400 && status < 500, admitted: (await counted()) - before, sent: dispatched() - sentBefore }).toEqual({ path, status: true, admitted: 0, sent: 0 })
      }
    }
  })

  it('admit nothing by reading', async () => {
    const before = await counted()
    const statusOf = (path: string) => (BY_ID.includes(path) ? 404 : 200)
    for (const route of routes.filter(({ method, path }) => method === 'GET' && !OPEN.includes(path))) expect({ ...route, status: (await send(route, { 'x-api-key': tenant.key })).status }).toEqual({ ...route, status: statusOf(route.path) })
    expect(await counted()).toBe(before)
  })
})
