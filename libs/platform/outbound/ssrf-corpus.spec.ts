import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { systemClock } from '@tollgate/platform/clock'
import { checkBaseUrl, type AddressPolicy } from './address-policy'
import type { Resolve } from './guarded-connector'
import { exchangeJson } from './json-exchange'
import { OutboundPools } from './outbound-pools'

/** Where nobody may get: every spelling of this machine, of metadata services and of our own services (T31). */
const LOOPBACK = ['127.0.0.1', '127.1', '127.0.1', '127.255.255.254', '2130706433', '0x7f000001', '0x7f.0.0.1', '0177.0.0.1', '017700000001', '0x7f.1', '127.0.0.1.', '①②⑦.⓪.⓪.①', '127。0。0。1', '１２７.0.0.1', 'localhost', 'LOCALHOST', 'localhost.', 'a.localhost', 'a.b.localhost.', '[::1]', '[0:0:0:0:0:0:0:1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::127.0.0.1]', '[::7f00:1]', '[64:ff9b::127.0.0.1]', '[64:ff9b::7f00:1]', '[64:ff9b:1::7f00:1]', '[2002:7f00:1::]', '[2002:7f00:1::1]', '[2001:0:7f00:1::]', '[::ffff:0:127.0.0.1]', '0', '0.0.0.0', '0x0', '[::]', '[0:0:0:0:0:0:0:0]', '[fe80::1]', '[febf::1]']
const METADATA = ['169.254.169.254', '169.254.169.254.', '2852039166', '0xa9fea9fe', '0251.0376.0251.0376', '0xa9.0xfe.0xa9.0xfe', '169.254.43518', '[::ffff:169.254.169.254]', '[::ffff:a9fe:a9fe]', '[::a9fe:a9fe]', '[64:ff9b::a9fe:a9fe]', '[2002:a9fe:a9fe::]', '[fd00:ec2::254]', '[fd00:0ec2:0:0:0:0:0:254]', '100.100.100.200', '[::ffff:100.100.100.200]', 'metadata', 'metadata.google.internal', 'METADATA.google.INTERNAL', 'metadata.google.internal.', 'metadata.goog', 'instance-data', 'instance-data.ec2.internal', 'metadata.azure.internal', '169.254.0.1', '169.254.170.2']
const PRIVATE = ['10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.254', '192.168.0.1', '192.168.255.255', '100.64.0.1', '100.127.255.254', '[fc00::1]', '[fd12:3456::1]', '[fec0::1]', '192.0.2.1', '198.18.0.1', '198.51.100.1', '203.0.113.1', '192.0.0.1', '[2001:db8::1]', '[100::1]', '167772161', '0xa000001', '[::ffff:10.0.0.1]', '[64:ff9b::a00:1]', '[2002:a00:1::]', '224.0.0.1', '239.255.255.255', '[ff02::1]', '240.0.0.1', '255.255.255.255']
const FORMS = ['file:///etc/passwd', 'gopher://127.0.0.1:6379/_PING', 'ftp://127.0.0.1', 'dict://127.0.0.1:6379', 'javascript:alert(1)', 'data:text/plain,x', 'ws://127.0.0.1', 'unix:///var/run/docker.sock', 'http+unix://%2Fvar%2Frun', 'jar:http://127.0.0.1!/', '//127.0.0.1', 'http:', 'http://', '', 'about:blank', 'http://user@127.0.0.1', 'http://example.com@127.0.0.1', 'http://127.0.0.1#@example.com', 'http://127.0.0.1?@example.com', 'http://example.com:password@host.test', 'http://[::1', 'http://127.0.0.1:99999', 'http://host.test:22', 'http://host.test:25', 'http://host.test:5432', 'http://host.test:6379', 'http://127.0.0.1\\@example.com', 'http://ex\u0000ample.com', 'http://%31%32%37.0.0.1', 'http://127.0.0.1:80%40example.com']
const STRICT: AddressPolicy = { allowedCidrs: [], allowLoopback: false, allowedPorts: [] }

describe('the corpus of addresses nobody may get to', () => {
  const servers: Server[] = []
  const made: OutboundPools[] = []
  let canary: { port: number; connections: number }

  async function serve(listener: RequestListener): Promise<{ port: number; connections: number }> {
    const server = createServer(listener)
    const counted = { port: 0, connections: 0 }
    server.on('connection', () => counted.connections++)
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    servers.push(server)
    return Object.assign(counted, { port: (server.address() as AddressInfo).port })
  }
  function pools(policy: AddressPolicy, resolve?: Resolve): OutboundPools {
    const one = new OutboundPools(policy, resolve)
    made.push(one)
    return one
  }
  const get = (from: OutboundPools, baseUrl: string, path = '/api/version') => exchangeJson(from, systemClock, { target: { hostId: 'h', baseUrl }, path, timeoutMs: 10_000 })
  /** Names resolve to these, one answer a look-up, the last for ever. */
  const stub = (...answers: string[][]): Resolve => (_name, _options, callback) =>
    callback(null, (answers.length > 1 ? answers.shift()! : answers[0]!).map((address) => ({ address, family: address.includes(':') ? 6 : 4 })))

  beforeAll(async () => {
    canary = await serve((_request, response) => response.end('{}'))
  })
  beforeEach(() => {
    canary.connections = 0
  })
  afterAll(async () => {
    for (const server of servers) server.closeAllConnections()
    await Promise.all([...made.map((one) => one.closeAll()), ...servers.map((server) => new Promise((closed) => server.close(closed)))])
  })

  it('has at least 120 entries', () => {
    expect(new Set([...LOOPBACK, ...METADATA, ...PRIVATE, ...FORMS]).size).toBeGreaterThanOrEqual(120)
  })

  it.each([...LOOPBACK, ...METADATA, ...PRIVATE].map((host) => `http://${host}:8000`).concat(FORMS))('%s is refused as the address of a host', (url) => {
    expect(checkBaseUrl(url, STRICT)).toEqual({ ok: false, reason: expect.any(String) })
  })

  it('is not connected to either, when an address came into the database by another way', async () => {
    const open = { ...STRICT, allowedPorts: [String(canary.port)] }
    const from = pools(open)
    const answers = await Promise.all(LOOPBACK.map((host) => get(from, `http://${host}:${canary.port}`)))
    expect(answers.filter(({ ok }) => ok)).toEqual([])
    expect(canary.connections).toBe(0)
  })

  it('is not reached by a name that resolves to it, first, last or among public ones', async () => {
    const literals = ['127.0.0.1', '::1', '169.254.169.254', '10.0.0.1', '::ffff:127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::', 'fd00:ec2::254', '0.0.0.0', '100.100.100.200']
    const open = { ...STRICT, allowedPorts: [String(canary.port)] }
    for (const literal of literals) {
      for (const answer of [[literal], ['93.184.215.14', literal], [literal, '93.184.215.14']]) {
        expect(await get(pools(open, stub(answer)), `http://host.test:${canary.port}`)).toMatchObject({ ok: false, cause: expect.stringContaining('TOLLGATE_ADDRESS_REFUSED') })
      }
    }
    expect(canary.connections).toBe(0)
  })

  it('is not reached by a name that was public when it was checked: what was checked is what is connected to', async () => {
    let asked = 0
    const rebinding: Resolve = (name, options, callback) => {
      asked++
      // Public for the first look, this machine from the second on.
      stub(asked === 1 ? ['93.184.215.14'] : ['127.0.0.1'])(name, options, callback)
    }
    const from = pools({ ...STRICT, allowedPorts: [String(canary.port)] }, rebinding)
    const stop = new AbortController()
    const first = exchangeJson(from, systemClock, { target: { hostId: 'h', baseUrl: `http://rebind.test:${canary.port}` }, path: '/', timeoutMs: 300, signal: stop.signal })
    expect(await first).toMatchObject({ ok: false })
    expect(asked).toBe(1)
    expect(await get(from, `http://rebind.test:${canary.port}`)).toMatchObject({ ok: false, cause: expect.stringContaining('127.0.0.1 is a loopback address') })
    expect(canary.connections).toBe(0)
  })

  it('is not reached by a redirect, of any status, absolute or not', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      const bouncer = await serve((_request, response) => response.writeHead(status, { location: `http://127.0.0.1:${canary.port}/latest/meta-data` }).end())
      expect(await get(pools({ ...STRICT, allowLoopback: true }), `http://127.0.0.1:${bouncer.port}`)).toMatchObject({ ok: false, cause: `redirect ${status}` })
      expect(bouncer.connections).toBe(1)
    }
    expect(canary.connections).toBe(0)
  })

  it('does not unpack a bomb, stacked or not: memory stays', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024))
    for (const encoding of ['gzip', 'gzip, gzip', 'deflate', 'br']) {
      const bomber = await serve((_request, response) => response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': encoding }).end(bomb))
      const before = process.memoryUsage().rss
      expect(await get(pools({ ...STRICT, allowLoopback: true }), `http://127.0.0.1:${bomber.port}`)).toMatchObject({ ok: false, cause: 'encoded body' })
      expect(process.memoryUsage().rss - before).toBeLessThan(20 * 1024 * 1024)
    }
  })

  it('is none of our own services, by address, by name, or by another name for it', async () => {
    const own: AddressPolicy = { allowedCidrs: ['10.0.0.0/8'], allowLoopback: true, allowedPorts: [String(canary.port)], own: [{ host: '127.0.0.1', port: canary.port }, { host: '10.0.0.7', port: 8000 }, { host: 'redis.internal', port: canary.port }] }
    for (const url of [`http://127.0.0.1:${canary.port}`, `http://127.0.0.2:${canary.port}`, `http://[::1]:${canary.port}`, `http://redis.internal:${canary.port}`, 'http://10.0.0.7:8000']) expect(checkBaseUrl(url, own)).toMatchObject({ ok: false, reason: expect.stringContaining('service of this installation') })
    expect(checkBaseUrl('http://10.0.0.8:8000', own)).toEqual({ ok: true })
    const resolve: Resolve = (_name, _options, callback) => callback(null, [{ address: '10.0.0.9', family: 4 }])
    expect(await get(pools(own, resolve), `http://alias.test:${canary.port}`)).toMatchObject({ ok: false, cause: expect.stringContaining('service of this installation') })
    expect(await get(pools(own), `http://localhost:${canary.port}`)).toMatchObject({ ok: false, cause: expect.stringContaining('TOLLGATE_ADDRESS_REFUSED') })
    expect(canary.connections).toBe(0)
  })
})
