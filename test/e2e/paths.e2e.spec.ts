import { connect } from 'node:net'
import { redisTargets, startStack, type SeededTenant, type Stack } from '../support'

const { url: redisUrl } = redisTargets().at(-1)!
/** Answered without a credential by design. */
const OPEN = ['/healthz', '/readyz', '/metrics']
const ROUTES: [method: string, path: string][] = [
  ['POST', '/chat'],
  ['POST', '/chat/completions'],
  ['POST', '/v1/chat/completions'],
  ['POST', '/v1/projects/acme/web/chat/completions'],
  ['GET', '/models'],
  ['GET', '/v1/models'],
  ['GET', '/v1/models/llama3.2'],
  ['GET', '/cost-report'],
]
const MUTATIONS: [string, (path: string) => string][] = [
  ['as it is', (path) => path],
  ['doubled slash', (path) => `/${path}`],
  ['slashes inside', (path) => path.replace(/\/(?=[^/]*$)/, '//')],
  ['trailing slash', (path) => `${path}/`],
  ['semicolon', (path) => `${path};x=1`],
  ['encoded slash', (path) => `/%2f${path.slice(1)}`],
  ['encoded letter', (path) => path.replace('c', '%63').replace('m', '%6d')],
  ['upper case', (path) => path.toUpperCase()],
  ['dot segment', (path) => `/.${path}`],
  ['dot dot segment', (path) => `/healthz/..${path}`],
  ['encoded dots', (path) => `/healthz/%2e%2e${path}`],
  ['back slash', (path) => path.replaceAll('/', '\\')],
  ['NUL', (path) => `${path}%00`],
  ['open route as prefix', (path) => `/healthz${path}`],
  ['open route as suffix', (path) => `${path}/healthz`],
  ['broken escape', (path) => `${path}%zz`],
  ['query', (path) => `${path}?healthz`],
  ['fragment', (path) => `${path}#/healthz`],
  ['absolute form', (path) => `http://127.0.0.1${path}`],
]

/** Sends bytes and reads until the connection ends or falls silent after a whole head. */
function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    let answer = ''
    socket.setTimeout(3_000, () => socket.destroy())
    socket.on('data', (bytes) => (answer += bytes.toString('latin1')))
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? resolve(answer) : reject(error)))
    socket.on('close', () => resolve(answer))
  })
}

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])

describe('paths and methods', () => {
  let stack: Stack
  let tenant: SeededTenant
  let port: number
  beforeAll(async () => {
    stack = await startStack({ redisUrl, hasWorker: false })
    tenant = await stack.addTenant()
    port = Number(new URL(stack.url).port)
  })
  afterAll(() => stack.stop())

  const request = (method: string, path: string, headers = '', body = '{}', version = '1.1') =>
    raw(port, `${method} ${path} HTTP/${version}\r\nhost: gate\r\nconnection: close\r\n${headers}content-type: application/json\r\ncontent-length: ${method === 'GET' ? 0 : body.length}\r\n\r\n${method === 'GET' ? '' : body}`)

  it.each(MUTATIONS)('%s: never an answer without a credential', async (_name, mutate) => {
    for (const [method, path] of ROUTES) {
      for (const version of ['1.1', '1.0']) {
        const answer = await request(method, mutate(path), '', '{"message":"hi","model":"llama3.2","messages":[{"role":"user","content":"hi"}]}', version)
        expect({ path: mutate(path), status: statusOf(answer) }).toEqual({ path: mutate(path), status: expect.any(Number) })
        expect({ path: mutate(path), isRefused: [400, 401, 404].includes(statusOf(answer)) }).toEqual({ path: mutate(path), isRefused: true })
        expect(answer).toMatch(/^content-type: application\/json/im)
        expect(answer).toMatch(/^x-request-id: [0-9a-f-]{36}/im)
      }
    }
    expect(stack.sandbox.hosts.flatMap((host) => host.log())).toEqual([])
  })

  it('404 or 405: other methods on a known path, as JSON', async () => {
    const key = `authorization: Bearer ${tenant.key}\r\n`
    for (const [right, path] of ROUTES) {
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].filter((other) => other !== right)) {
        const answer = await request(method, path, key)
        expect({ method, path, isRefused: [404, 405].includes(statusOf(answer)) }).toEqual({ method, path, isRefused: true })
        expect(answer).toMatch(/^content-type: application\/json/im)
        expect(answer).toMatch(/^x-request-id: /im)
        expect(answer).toContain('"request_id"')
      }
    }
  })

  it('200: three routes are open, and say nothing of tenants', async () => {
    await stack.post('/chat', tenant.key, { message: 'hi', model: 'llama3.2' })
    for (const path of OPEN) {
      const response = await fetch(stack.url + path)
      expect(response.status).toBe(200)
      const text = await response.text()
      for (const secret of [tenant.id, tenant.slug, tenant.keyId, tenant.key]) expect(text).not.toContain(secret)
    }
  })

  it.each([
    ['two lengths', 'content-length: 2\r\ncontent-length: 3\r\n'],
    ['length and chunks', 'content-length: 4\r\ntransfer-encoding: chunked\r\n'],
    ['chunks twice', 'transfer-encoding: chunked, chunked\r\n'],
    ['chunks not last', 'transfer-encoding: chunked, identity\r\n'],
    ['a length that is no number', 'content-length: +2\r\n'],
    ['a folded line', 'x-a: b\r\n c: d\r\ncontent-length: 2\r\n'],
    ['a blank before the colon', 'x-api-key : y\r\ncontent-length: 2\r\n'],
    ['a bare line feed', 'x-a: b\ncontent-length: 2\r\n'],
    ['17 kB of headers', `x-a: ${'b'.repeat(17 * 1024)}\r\ncontent-length: 2\r\n`],
  ])('400 or 431, and closed: %s', async (_name, headers) => {
    const seen = stack.sandbox.hosts.flatMap((host) => host.log()).length
    const answer = await raw(port, `POST /chat HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer ${tenant.key}\r\n${headers}\r\n{}GET /models HTTP/1.1\r\nhost: gate\r\nx-api-key: ${tenant.key}\r\n\r\n`)
    expect([400, 431]).toContain(statusOf(answer))
    expect(answer.match(/HTTP\/1\.1 \d/g)).toHaveLength(1)
    expect(answer).not.toContain('"models"')
    expect(stack.sandbox.hosts.flatMap((host) => host.log())).toHaveLength(seen)
  })

  it('forwards no header of the client but those of the protocol', async () => {
    await stack.post('/chat', tenant.key, { message: 'hi', model: 'llama3.2' }, { 'x-canary': 'leak', cookie: 'leak=1', 'x-forwarded-for': '10.9.9.9', referer: 'http://leak', origin: 'http://leak' })
    const last = stack.sandbox.hosts.flatMap((host) => host.log()).at(-1)!
    expect(JSON.stringify(last.headers)).not.toMatch(/leak|10\.9\.9\.9|tg_live/)
    expect(Object.keys(last.headers).sort()).toEqual(expect.arrayContaining(['accept', 'content-length', 'content-type', 'host', 'x-request-id']))
  })
})
