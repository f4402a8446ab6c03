import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemClock } from '@tollgate/platform/clock'
import type { AddressPolicy } from './address-policy'
import type { Resolve } from './guarded-connector'
import { exchangeJson } from './json-exchange'
import { OutboundPools } from './outbound-pools'

const LOOPBACK: AddressPolicy = { allowedCidrs: [], allowLoopback: true, allowedPorts: [] }
const servers: Server[] = []
const all: OutboundPools[] = []

async function serve(listener: RequestListener): Promise<{ port: number; server: Server; hits: () => number; connections: () => number }> {
  let hits = 0
  let connections = 0
  const server = createServer((req, res) => {
    hits++
    listener(req, res)
  })
  server.on('connection', () => connections++)
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  servers.push(server)
  return { port: (server.address() as AddressInfo).port, server, hits: () => hits, connections: () => connections }
}

function pools(policy: AddressPolicy = LOOPBACK, resolve?: Resolve): OutboundPools {
  const made = new OutboundPools(policy, resolve)
  all.push(made)
  return made
}

const get = (from: OutboundPools, baseUrl: string, over: { path?: string; timeoutMs?: number; signal?: AbortSignal; body?: unknown; secret?: string } = {}) =>
  exchangeJson(from, systemClock, { target: { hostId: 'h', baseUrl }, path: '/api/version', timeoutMs: 5_000, ...over })

afterAll(async () => {
  for (const server of servers) server.closeAllConnections()
  await Promise.all([...all.map((made) => made.closeAll()), ...servers.map((server) => new Promise((closed) => server.close(closed)))])
})

const json: RequestListener = (_req, res) => res.writeHead(200, { 'content-type': 'application/json' }).end('{"version":"0.99.0"}')

describe('one JSON call', () => {
  it('gives status, JSON and latency, below the path of the base URL', async () => {
    let seen: unknown
    const { port } = await serve((req, res) => {
      seen = [req.method, req.url, req.headers.authorization, req.headers['accept-encoding'], req.headers['user-agent']]
      json(req, res)
    })
    expect(await get(pools(), `http://127.0.0.1:${port}/base/`, { secret: 'k' })).toEqual({ ok: true, status: 200, json: { version: '0.99.0' }, latencyMs: expect.any(Number) })
    expect(seen).toEqual(['GET', '/base/api/version', 'Bearer k', 'identity', 'tollgate'])
  })

  it('posts a body', async () => {
    const { port } = await serve((req, res) => {
      let text = ''
      req.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => res.end(JSON.stringify({ got: JSON.parse(text) as unknown })))
    })
    expect(await get(pools(), `http://127.0.0.1:${port}`, { body: { name: 'x' } })).toMatchObject({ ok: true, json: { got: { name: 'x' } } })
  })

  it.each<[string, RequestListener, object]>([
    ['a redirect', (_req, res) => res.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), { status: 302, cause: 'redirect 302' }],
    ['an encoded body', (_req, res) => res.writeHead(200, { 'content-encoding': 'gzip' }).end('x'), { cause: 'encoded body' }],
    ['text', (_req, res) => res.end('Ollama is running'), { status: 200, cause: 'not JSON' }],
    ['an error status', (_req, res) => res.writeHead(404).end('{"error":"x"}'), { status: 404, cause: 'http 404', json: { error: 'x' } }],
    ['silence', () => {}, { status: null, cause: 'timeout' }],
    ['a reset', (_req, res) => void res.socket!.resetAndDestroy(), { status: null, cause: expect.stringMatching(/ECONNRESET|UND_ERR_SOCKET/) }],
    ['huge headers', (_req, res) => res.writeHead(200, { 'x-big': 'x'.repeat(20_000) }).end('{}'), { cause: 'UND_ERR_HEADERS_OVERFLOW' }],
  ])('fails without throwing on %s', async (name, listener, failure) => {
    const { port } = await serve(listener)
    const timeoutMs = name === 'silence' ? 200 : 10_000
    expect(await get(pools(), `http://127.0.0.1:${port}`, { timeoutMs })).toMatchObject({ ok: false, ...failure })
  })

  it('fails without throwing when nobody listens, on a bad URL, and when aborted', async () => {
    expect(await get(pools(), 'http://127.0.0.1:1')).toMatchObject({ ok: false, cause: 'ECONNREFUSED' })
    expect(await get(pools(), 'nonsense')).toMatchObject({ ok: false, cause: 'ERR_INVALID_URL' })
    expect(await get(pools(), 'http://127.0.0.1:1', { signal: AbortSignal.abort() })).toMatchObject({ ok: false, cause: 'aborted' })
  })
})

describe('guarded connections', () => {
  const answers = (...rounds: string[][]): Resolve => (_name, _options, callback) =>
    callback(null, (rounds.length > 1 ? rounds.shift()! : rounds[0]!).map((address) => ({ address, family: address.includes(':') ? 6 : 4 })))

  it('connect to a name whose every address is allowed', async () => {
    const { port } = await serve(json)
    expect(await get(pools(LOOPBACK, answers(['127.0.0.1'])), `http://host.test:${port}`)).toMatchObject({ ok: true })
  })

  it('refuse a name when only one of its addresses is forbidden', async () => {
    const canary = await serve(json)
    for (const bad of ['169.254.169.254', '10.0.0.1', '::ffff:127.0.0.1']) {
      const answer = await get(pools(LOOPBACK, answers(['127.0.0.1', bad])), `http://host.test:${canary.port}`)
      expect(answer).toMatchObject({ ok: false, cause: expect.stringContaining('TOLLGATE_ADDRESS_REFUSED') })
    }
    expect(canary.hits()).toBe(0)
  })

  it('look again at every new connection, so that a rebound name is refused', async () => {
    const canary = await serve((_req, res) => res.writeHead(200, { connection: 'close' }).end('{}'))
    const rebinding = pools(LOOPBACK, answers(['127.0.0.1'], ['169.254.169.254']))
    expect(await get(rebinding, `http://rebind.test:${canary.port}`)).toMatchObject({ ok: true })
    expect(await get(rebinding, `http://rebind.test:${canary.port}`)).toMatchObject({ ok: false, cause: expect.stringContaining('169.254.169.254') })
    expect(canary.hits()).toBe(1)
  })

  it('check literal addresses, for which no name is looked up', async () => {
    const canary = await serve(json)
    const strict: AddressPolicy = { allowedCidrs: [], allowLoopback: false, allowedPorts: [String(canary.port)] }
    for (const name of ['127.0.0.1', '2130706433', '[::ffff:127.0.0.1]', 'localhost']) {
      expect(await get(pools(strict), `http://${name}:${canary.port}`)).toMatchObject({ ok: false, cause: expect.stringContaining('TOLLGATE_ADDRESS_REFUSED') })
    }
    expect(await get(pools(), `http://localhost.:${canary.port}`)).toMatchObject({ ok: false })
    expect(canary.connections()).toBe(0)
  })
})

describe('pools', () => {
  it('close a host after its requests in flight, and leave others alone', async () => {
    let release = () => {}
    let arrived = () => {}
    const here = new Promise<void>((resolve) => (arrived = resolve))
    const { port } = await serve((req, res) => {
      if (req.url !== '/slow') return json(req, res)
      release = () => res.end('{"late":true}')
      arrived()
    })
    const made = pools()
    const baseUrl = `http://127.0.0.1:${port}`
    const slow = get(made, baseUrl, { path: '/slow' })
    await here
    const closing = made.closeHost('h')
    release()
    expect(await slow).toMatchObject({ ok: true, json: { late: true } })
    await closing
    expect(await get(made, baseUrl)).toMatchObject({ ok: true })
  })

  it('keep connections per host, not per address', async () => {
    const { port, connections } = await serve(json)
    const made = pools()
    for (const hostId of ['a', 'b']) await exchangeJson(made, systemClock, { target: { hostId, baseUrl: `http://127.0.0.1:${port}` }, path: '/', timeoutMs: 1_000 })
    expect(connections()).toBe(2)
  })
})
