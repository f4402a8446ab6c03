import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { eventually, redisTargets, startStack, type Stack } from '../support/index'
import { startAdmin, type AdminApp } from './admin-app'

interface Ollama {
  readonly url: string
  readonly server: Server
  /** Authorization headers of the chats it was asked for. */
  readonly chats: (string | undefined)[]
}

/** The smallest Ollama of a version. With a `secret` its list and its chats ask for it. */
function startOllama(version = '0.20.0', secret?: string): Promise<Ollama> {
  const chats: (string | undefined)[] = []
  const server = createServer((request, response) => {
    if (secret && request.headers.authorization !== `Bearer ${secret}`) return response.writeHead(401).end()
    const send = (body: object) => response.writeHead(200, { 'content-type': request.url === '/api/chat' ? 'application/x-ndjson' : 'application/json' }).end(`${JSON.stringify(body)}\n`)
    if (request.url === '/api/version') return send({ version })
    if (request.url === '/api/tags') return send({ models: [{ name: 'llama3.2:latest', digest: 'sha256:1', size: 1000 }] })
    chats.push(request.headers.authorization)
    request.resume().on('end', () => send({ model: 'llama3.2', message: { role: 'assistant', content: 'served' }, done: true, done_reason: 'stop', prompt_eval_count: 3, eval_count: 1 }))
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve({ server, chats, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })))
}

describe('hosts changed while calls run', () => {
  let stack: Stack
  let admin: AdminApp
  let token: string
  let key: string
  const servers: Server[] = []
  const ollama = async (version?: string, secret?: string) => {
    const made = await startOllama(version, secret)
    servers.push(made.server)
    return made
  }

  beforeAll(async () => {
    stack = await startStack({ redisUrl: redisTargets().at(-1)!.url, hosts: [], gateways: 2 })
    admin = await startAdmin({ TOLLGATE_KEY_PEPPER: stack.config.TOLLGATE_KEY_PEPPER, TOLLGATE_SECRETS_KEY: stack.config.TOLLGATE_SECRETS_KEY }, stack.database)
    token = await admin.personToken('owner')
    await admin.call('POST', '/admin/tenants', { token, body: { slug: 'acme', name: 'Acme', tier: 'enterprise', home_region: 'eu-west' } })
    key = (await admin.call('POST', '/admin/tenants/acme/keys', { token, body: { name: 'first' } })).body.key
  })
  afterAll(async () => {
    for (const server of servers) server.close()
    await admin.stop()
    await stack.stop()
  })

  const add = (name: string, base_url: string, more: object = {}) => admin.call('POST', '/admin/hosts', { token, body: { name, region: 'eu-west', provider: 'ollama', base_url, max_parallel: 100, ...more } })
  const change = (name: string, body: object) => admin.call('PATCH', `/admin/hosts/${name}`, { token, body })
  const view = async (name: string) => (await admin.call('GET', `/admin/hosts/${name}`, { token })).body

  /** Calls on both gateways without pause while `work` runs; answers the status of each call that was not served. */
  async function underLoad(work: () => Promise<void>): Promise<{ served: number; refused: string[] }> {
    let isOver = false
    let served = 0
    const refused: string[] = []
    const caller = async (url: string) => {
      while (!isOver) {
        const reply = await fetch(`${url}/chat`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: JSON.stringify({ message: 'hi', model: 'llama3.2' }) })
        const text = await reply.text()
        if (reply.status === 200) served++
        else refused.push(`${reply.status} ${text}`)
      }
    }
    const callers = [0, 1, 2, 3, 4, 5].map((i) => caller(stack.urls[i % 2]!))
    try {
      await work()
    } finally {
      isOver = true
      await Promise.all(callers)
    }
    return { served, refused }
  }

  it('are added, moved, given another secret, drained and removed without a failed call', async () => {
    const [old, moved, second] = [await ollama(), await ollama('0.20.0', 'new-secret-0123456789'), await ollama()]
    expect((await add('one', old.url, { secret: 'old-secret-0123456789' })).body).toMatchObject({ serving: true, open_to_all: true, warnings: [expect.stringContaining('answers without its credential as well')] })
    const { served, refused } = await underLoad(async () => {
      await eventually(() => expect(old.chats.length).toBeGreaterThan(20))
      expect((await change('one', { base_url: moved.url, secret: 'new-secret-0123456789' })).body).toMatchObject({ base_url: moved.url, serving: true, drain: false, open_to_all: false, warnings: [] })
      await eventually(() => expect(moved.chats.length).toBeGreaterThan(0))
      expect((await add('two', second.url)).body).toMatchObject({ serving: true })
      await change('one', { drain: true })
      await change('one', { drain: false })
      await change('one', { max_parallel: 50 })
      expect((await admin.call('DELETE', '/admin/hosts/one', { token })).status).toBe(204)
      await eventually(() => expect(second.chats.length).toBeGreaterThan(20))
    })
    expect(refused).toEqual([])
    expect(served).toBeGreaterThan(10)
    // A secret went to no address but the one it was given for.
    expect(new Set(old.chats)).toEqual(new Set(['Bearer old-secret-0123456789']))
    expect(new Set(moved.chats)).toEqual(new Set(['Bearer new-secret-0123456789']))
  })

  it('stay as they are when the new address does not pass, unless they are to be in drain', async () => {
    const before = await view('two')
    const { refused } = await underLoad(async () => {
      const answer = await change('two', { base_url: 'http://127.0.0.1:9' })
      expect([answer.status, answer.body.code, answer.body.errors[0].path]).toEqual([400, 'host_refused', 'base_url'])
    })
    expect(refused).toEqual([])
    expect(await view('two')).toMatchObject({ base_url: before.base_url, drain: false, status: 'healthy' })
    expect((await change('two', { base_url: 'http://127.0.0.1:9', drain: true })).body).toMatchObject({ base_url: 'http://127.0.0.1:9', drain: true, serving: false })
    expect((await change('two', { base_url: before.base_url, drain: false })).body).toMatchObject({ base_url: before.base_url, drain: false, serving: true })
  })

  it('below the version floor stay in drain, and say so', async () => {
    const aged = await ollama('0.17.0')
    expect((await add('aged', aged.url)).body).toMatchObject({ serving: false, drain: true, status: 'unhealthy', version: '0.17.0', health: { last_error: 'Ollama 0.17.0 is older than 0.17.1, the oldest without known holes. Upgrade it.' }, warnings: [expect.stringContaining('is older than 0.17.1')] })
    expect((await add('floor', (await ollama('0.17.1')).url, { drain: true })).body).toMatchObject({ drain: true, status: 'healthy', version: '0.17.1' })
  })

  it('show how they fare', async () => {
    // Whoever probed the address of a moment ago may have spoken last; the next probe is a second away.
    await eventually(async () => {
      const { health } = await view('two')
      expect(health).toMatchObject({ status: 'healthy', circuit: 'closed', retry_at: null, flagged: false, probe_latency_ms: expect.any(Number), models: [expect.objectContaining({ name: 'llama3.2', circuit: 'closed' })] })
      expect(health.recent_requests).toBeGreaterThan(0)
      expect(health.recent_success_rate).toBe(1)
    })
  })
})
