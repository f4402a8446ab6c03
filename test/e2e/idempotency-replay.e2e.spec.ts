import { randomUUID } from 'node:crypto'
import { redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { usageOf } from './evidence'

const MESSAGES = [{ role: 'user', content: 'one two' }]
/** A route of every surface, with a body it answers whole. */
const ROUTES: [path: string, body: Record<string, unknown>][] = [
  ['/chat', { message: 'one two', model: 'llama3.2' }],
  ['/v1/chat/completions', { messages: MESSAGES, model: 'llama3.2' }],
  ['/v1/completions', { prompt: 'one two', model: 'llama3.2' }],
  ['/v1/responses', { input: 'one two', model: 'llama3.2' }],
  ['/v1/messages', { messages: MESSAGES, model: 'llama3.2', max_tokens: 100 }],
  ['/api/chat', { messages: MESSAGES, model: 'llama3.2', stream: false }],
  ['/v1/embeddings', { input: 'one two', model: 'nomic-embed-text' }],
  ['/api/generate', { prompt: 'one two', model: 'llama3.2', stream: false }],
]
const BODY = ROUTES[0]![1]
/** What is of the connection and the moment, not of the answer. */
const OF_THE_MOMENT = ['date', 'x-request-id', 'request-id', 'idempotency-replayed', 'connection', 'keep-alive']

describe('a tenant that wants answers again', () => {
  let stack: Stack
  let tenant: SeededTenant
  beforeAll(async () => {
    stack = await startStack({
      redisUrl: redisTargets().at(-1)!.url,
      gateways: 2,
      hosts: [{ name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['llama3.2', 'nomic-embed-text'] }],
      env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' },
    })
    tenant = await stack.addTenant({ tier: 'enterprise' })
    await wantsAnswers(tenant, true)
  }, 30_000)
  afterAll(() => stack?.stop())

  const wantsAnswers = (one: SeededTenant, wants: boolean) => stack.owner.query('UPDATE tenant SET replays_answers = $2, auth_epoch = auth_epoch + 1 WHERE id = $1', [one.id, wants])
  const send = (gateway: number, key: string, body: object = BODY, path = '/chat', one = tenant) =>
    fetch(stack.urls[gateway]! + path, { method: 'POST', body: JSON.stringify(body), headers: { authorization: `Bearer ${one.key}`, 'content-type': 'application/json', 'idempotency-key': key } })
  const calls = () => stack.sandbox.hosts.flatMap((host) => host.log()).filter(({ request_id: rid }) => rid).length
  const headersOf = (response: Response) => Object.fromEntries([...response.headers].filter(([name]) => !OF_THE_MOMENT.includes(name)))
  const kept = async () => (await stack.owner.query<{ outcome: string }>('SELECT outcome FROM idempotent_call WHERE outcome IS NOT NULL')).rows.map(({ outcome }) => outcome)

  it.each(ROUTES)('%s: gets the same bytes from another gateway, and pays and asks a host once', async (path, body) => {
    const [key, callsBefore, rowsBefore] = [randomUUID(), calls(), (await usageOf(stack.owner, tenant.id)).length]
    const first = await send(0, key, body, path)
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([200, null])
    const again = await send(1, key, body, path)
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true'])
    expect(await again.text()).toBe(await first.text())
    expect(headersOf(again)).toEqual(headersOf(first))
    expect(again.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'))
    expect([calls() - callsBefore, (await usageOf(stack.owner, tenant.id)).length - rowsBefore]).toEqual([1, 1])
  })

  it('has them kept sealed', async () => {
    const response = await send(0, randomUUID())
    const { response: text } = (await response.json()) as { response: string }
    expect(text.length).toBeGreaterThan(10)
    const rows = await kept()
    expect(rows.at(-1)).toContain('"answer":"')
    for (const row of rows) expect(row).not.toContain(text)
    expect(rows.map((row) => Buffer.from((JSON.parse(row) as { answer?: string }).answer ?? '', 'base64').toString('latin1')).filter((box) => box.includes(text))).toEqual([])
  })

  it('gets 409 for a stream, for an answer over 256 KiB, and where what was kept does not open', async () => {
    const conflict = async (response: Response) => expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([409, 'already_completed'])
    const [streamed, long, altered] = [randomUUID(), randomUUID(), randomUUID()]
    await (await send(0, streamed, { ...BODY, stream: true })).text()
    await conflict(await send(1, streamed, { ...BODY, stream: true }))
    const vectors = { input: Array.from({ length: 100 }, (_, at) => `text ${at}`), model: 'nomic-embed-text' }
    expect((await (await send(0, long, vectors, '/v1/embeddings')).text()).length).toBeGreaterThan(256 * 1024)
    const told = (await (await send(1, long, vectors, '/v1/embeddings')).json()) as { error: { code: string } }
    expect(told.error.code).toBe('already_completed')
    expect((await send(0, altered)).status).toBe(200)
    // Every box but this one belongs to another request, so a row that was copied over does not open.
    await stack.owner.query(`UPDATE idempotent_call SET outcome = (SELECT outcome FROM idempotent_call WHERE outcome LIKE '%"answer"%' AND rid <> k.rid LIMIT 1) FROM (SELECT max(rid::text)::uuid AS rid FROM idempotent_call) k WHERE idempotent_call.rid = k.rid`)
    await conflict(await send(1, altered))
  })

  it('gets no answer once it does not want them any more; nor does one that never did', async () => {
    const other = await stack.addTenant({ tier: 'enterprise' })
    const key = randomUUID()
    expect((await send(0, key, BODY, '/chat', other)).status).toBe(200)
    expect((await send(1, key, BODY, '/chat', other)).status).toBe(409)
    const former = await stack.addTenant({ tier: 'enterprise' })
    await wantsAnswers(former, true)
    expect((await send(0, key, BODY, '/chat', former)).status).toBe(200)
    await wantsAnswers(former, false)
    // The other gateway has not met it yet.
    const told = await send(1, key, BODY, '/chat', former)
    expect([told.status, told.headers.get('idempotency-replayed')]).toEqual([409, null])
  })
})
