import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { CatalogService } from '../../libs/catalog'
import type { ChatMessage } from '../../libs/kernel'
import { documented, eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { eventsIn, usageOf } from './evidence'

const { url: redisUrl } = redisTargets().at(-1)!
const MODELS = ['phi3', 'llama3.2', 'mistral:7b']
const GONE = '019a0000-0000-7000-8000-000000000000'

// oxlint-disable-next-line typescript/no-explicit-any -- specs look into replies of every shape
type Answer = { status: number; body: any; headers: Headers }

describe('conversations', () => {
  let stack: Stack
  let tenant: SeededTenant
  let stranger: SeededTenant
  beforeAll(async () => {
    stack = await startStack({
      redisUrl,
      gateways: 2,
      env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' },
      hosts: [
        { name: 'us', region: 'us-east', dialect: 'ollama', models: MODELS, defaults: { gap: 0 } },
        { name: 'eu', region: 'eu-west', dialect: 'openai', models: [...MODELS, 'gpt-4o'], defaults: { gap: 0 } },
      ],
    })
    await stack.owner.query(`UPDATE model SET context_length = CASE name WHEN 'phi3' THEN 200 ELSE 8192 END, capabilities = CASE name WHEN 'llama3.2' THEN '["completion","vision","tools"]'::jsonb ELSE '["completion"]'::jsonb END WHERE name <> 'gpt-4o'`)
    tenant = await stack.addTenant({ tier: 'premium' })
    stranger = await stack.addTenant({ tier: 'premium' })
    await eventually(async () => {
      const { body } = await call('GET', '/models')
      const phi3 = (body.models as { name: string; capabilities: { context_length: number } }[]).find(({ name }) => name === 'phi3')
      expect(phi3?.capabilities.context_length).toBe(200)
    }, { timeoutMs: 15_000 })
  })
  beforeEach(async () => {
    for (const host of stack.sandbox.hosts) await host.reset()
  })
  afterAll(() => stack?.stop())

  const call = async (method: string, path: string, body?: unknown, { key = tenant.key, gateway = 0 } = {}): Promise<Answer> => {
    const response = await documented(method, await fetch(stack.urls[gateway]! + path, { method, headers: { 'x-api-key': key, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, body: body === undefined ? undefined : JSON.stringify(body) }))
    return { status: response.status, body: await response.json(), headers: response.headers }
  }
  const open = async (wish: object = {}, key = tenant.key): Promise<string> => {
    const made = await call('POST', '/v1/conversations', wish, { key })
    expect(made).toMatchObject({ status: 201, body: { object: 'conversation', turns: 0 } })
    return made.body.id as string
  }
  const say = (id: string, message: string, more: object = {}, gateway = 0) => call('POST', '/chat', { message, conversation_id: id, ...more }, { gateway })
  const turnsOf = async (id: string) => (await call('GET', `/v1/conversations/${id}/export`)).body.turns as { seq: number; model: string; request_id: string; messages: ChatMessage[] }[]
  const lastPrompt = () => (stack.sandbox.hosts.flatMap((host) => host.log()).filter(({ path }) => path.includes('chat')).sort((a, b) => a.arrived_at - b.arrived_at || a.seq - b.seq).at(-1)!.body as { messages: ChatMessage[] }).messages

  it('remember question and answer over two gateways, and put them before the next question', async () => {
    const id = await open({ model: 'llama3.2', system: 'be brief', title: 'A talk' })
    const first = await say(id, 'what is one')
    expect(first).toMatchObject({ status: 200, body: { model: 'llama3.2', conversation_id: id } })
    const second = await say(id, 'and two', {}, 1)
    expect(second.body.warnings.filter((words: string) => !words.includes('sandbox'))).toEqual([])
    expect(lastPrompt()).toEqual([{ role: 'system', content: 'be brief' }, { role: 'user', content: 'what is one' }, { role: 'assistant', content: first.body.response }, { role: 'user', content: 'and two' }])
    expect(await turnsOf(id)).toEqual([
      { seq: 1, request_id: first.body.request_id, model: 'llama3.2', created_at: expect.any(String), messages: [{ role: 'user', content: 'what is one' }, { role: 'assistant', content: first.body.response }] },
      { seq: 2, request_id: second.body.request_id, model: 'llama3.2', created_at: expect.any(String), messages: [{ role: 'user', content: 'and two' }, { role: 'assistant', content: second.body.response }] },
    ])
    expect((await call('GET', `/v1/conversations/${id}/turns?limit=1&after=1`)).body).toMatchObject({ data: [{ seq: 2 }], has_more: false, next: null })
    expect((await call('GET', `/v1/conversations/${id}`)).body).toMatchObject({ title: 'A talk', system: 'be brief', turns: 2 })
  })

  it('bill the prompt that was sent and nothing for storage; the usage row is that of any call', async () => {
    const id = await open({ model: 'llama3.2' })
    await say(id, 'one two three')
    const { body } = await say(id, 'four five')
    const upstream = stack.sandbox.hosts.flatMap((host) => host.log()).filter(({ path, end }) => path.includes('chat') && end === 'completed')
    expect(body.usage.prompt_tokens).toBe(upstream.at(-1)!.prompt_tokens)
    await stack.settled()
    const row = (await usageOf(stack.owner, tenant.id)).find(({ rid }) => rid === body.request_id)!
    expect(row).toMatchObject({ prompt_tokens: body.usage.prompt_tokens, status: 'completed' })
    expect(row.amount_pico).toBe(BigInt(row.prompt_tokens) * 1_000_000n + BigInt(row.completion_tokens) * 2_000_000n)
  })

  it('stream as well, and the turn is kept before the stream ends', async () => {
    const id = await open({ model: 'llama3.2' })
    const response = await stack.post('/chat', tenant.key, { message: 'hello', conversation_id: id, stream: true })
    const events = eventsIn(await response.text()) as { delta?: string; done?: boolean; conversation_id?: string }[]
    expect(events.at(-2)).toMatchObject({ done: true, conversation_id: id })
    expect((await turnsOf(id))[0]!.messages[1]).toEqual({ role: 'assistant', content: events.map(({ delta }) => delta ?? '').join('') })
  })

  it('let one of many turns at once through, tell the others 409, and lose and double none, over two gateways', async () => {
    const id = await open({ model: 'llama3.2' })
    await stack.sandbox.host('us').set({ name: 'ok', params: { delay: 150 } })
    const asked = Array.from({ length: 12 }, (_, i) => `question ${i}`)
    const answers = await Promise.all(asked.map((message, i) => say(id, message, {}, i % 2)))
    const good = answers.filter(({ status }) => status === 200)
    for (const { status, body, headers } of answers.filter(({ status: code }) => code !== 200)) {
      expect({ status, code: body.code, error: body.error }).toEqual({ status: 409, code: 'conversation_busy', error: 'Another turn of this conversation is running. Wait for its answer, then send yours.' })
      expect(headers.get('retry-after')).toBe('1')
    }
    expect(good.length).toBeGreaterThan(0)
    expect(good.length).toBeLessThan(asked.length)
    for (const message of asked.slice(0, 4)) await eventually(async () => expect((await say(id, message, {}, 1)).status).toBe(200))
    const turns = await turnsOf(id)
    expect(turns.map(({ seq }) => seq)).toEqual(turns.map((_, i) => i + 1))
    expect(turns).toHaveLength(good.length + 4)
    expect(new Set(turns.map(({ request_id }) => request_id)).size).toBe(turns.length)
    expect(good.every(({ body }) => turns.some(({ request_id }) => request_id === body.request_id))).toBe(true)
  })

  it('keep nothing of a call that failed, was refused or broke off, and are free at once', async () => {
    const id = await open({ model: 'llama3.2', allowed_regions: ['us-east'] })
    await stack.sandbox.host('us').set('http500')
    expect((await say(id, 'lost')).status).toBeGreaterThanOrEqual(500)
    await stack.sandbox.host('us').set({ name: 'err-line', params: { after: 2 } })
    await (await stack.post('/chat', tenant.key, { message: 'broken', conversation_id: id, stream: true })).text()
    await stack.sandbox.host('us').reset()
    expect((await say(id, 'refused', { model: 'qwen9' })).status).toBe(404)
    await eventually(async () => expect((await say(id, 'kept')).status).toBe(200), { timeoutMs: 20_000 })
    expect((await turnsOf(id)).map(({ messages }) => messages[0]!.content)).toEqual(['kept'])
  })

  it('leave the oldest turns out where the context is small, whole and never silently', async () => {
    const id = await open({ model: 'llama3.2' })
    const words = 'word '.repeat(20).trim()
    for (let i = 0; i < 6; i++) await say(id, `${i} ${words}`, { max_tokens: 5 })
    const small = await say(id, 'last', { model: 'phi3', max_tokens: 20 })
    const prompt = lastPrompt()
    const kept = (prompt.length - 1) / 2
    expect([small.status, kept > 0, kept < 6]).toEqual([200, true, true])
    expect(small.body.warnings).toContain(`the ${6 - kept} oldest turns of the conversation were left out: they do not fit the context of phi3`)
    expect(prompt[0]).toEqual({ role: 'user', content: `${6 - kept} ${words}` })
    expect(await turnsOf(id)).toHaveLength(7)
  })

  it('switch to a model that can take over, with a warning where not all fits, and refuse any other with nothing changed', async () => {
    const id = await open({ model: 'llama3.2' })
    for (let i = 0; i < 6; i++) await say(id, `${i} ${'word '.repeat(20)}`, { max_tokens: 5 })
    const to = (model: string, of = id) => call('PATCH', `/v1/conversations/${of}`, { model })
    expect(await to('mistral:7b')).toMatchObject({ status: 200, body: { ok: true, model: 'mistral:7b' } })
    expect((await to('mistral:7b')).body.warning).toBeUndefined()
    expect((await to('phi3')).body).toMatchObject({ ok: true, model: 'phi3', warning: expect.stringMatching(/^the \d oldest turns of the conversation were left out: they do not fit the context of phi3$/) })
    expect(await to('qwen9')).toMatchObject({ status: 404, body: { error: { code: 'model_not_found', message: "Model 'qwen9' not found. Use /models to see available models." } } })
    expect(await to('gpt-4o')).toMatchObject({ status: 403, body: { error: { code: 'model_not_allowed' } } })
    expect(await to('')).toMatchObject({ status: 400 })
    expect((await call('GET', `/v1/conversations/${id}`)).body.model).toBe('phi3')
    await to('mistral:7b')
    expect((await say(id, 'go on')).body).toMatchObject({ model: 'mistral:7b' })
    expect((await turnsOf(id)).map(({ model }) => model)).toEqual([...Array(6).fill('llama3.2'), 'mistral:7b'])

    const seen = await open({ model: 'llama3.2' })
    const image = { role: 'user', content: [{ type: 'text', text: 'what is this' }, { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } }] }
    expect((await call('POST', '/chat', { messages: [image], conversation_id: seen })).status).toBe(200)
    expect(await to('mistral:7b', seen)).toMatchObject({ status: 409, body: { error: { code: 'switch_refused', message: 'The conversation stays with its model: mistral:7b does not take images, and the conversation holds some.' } } })
    const tooled = await open({ model: 'llama3.2' })
    const tools = [{ role: 'user', content: 'weather' }, { role: 'assistant', content: '', tool_calls: [{ id: 'c1', type: 'function', function: { name: 'w', arguments: '{}' } }] }, { role: 'tool', tool_call_id: 'c1', content: 'sun' }]
    expect((await call('POST', '/chat', { messages: tools, conversation_id: tooled })).status).toBe(200)
    expect((await to('mistral:7b', tooled)).body.error.message).toBe('The conversation stays with its model: mistral:7b does not call tools, and the conversation uses them.')
  })

  it('are told by each model under its own prompt: after a switch the new one stands before the same history', async () => {
    const refresh = () => Promise.all(stack.gateways.map((gateway) => gateway.get(CatalogService, { strict: false }).refresh()))
    await stack.owner.query(`INSERT INTO prompt (name, version, text, merge, models, created_by, created_at) VALUES ('whoami', 1, 'You are {{model}}.', 'before', '{llama3.2,mistral:7b}', $1, now())`, [GONE])
    await refresh()
    try {
      const id = await open({ model: 'llama3.2', system: 'be brief' })
      const { body } = await say(id, 'who are you')
      expect(lastPrompt()).toEqual([{ role: 'system', content: 'You are llama3.2.\n\nbe brief' }, { role: 'user', content: 'who are you' }])
      expect((await call('PATCH', `/v1/conversations/${id}`, { model: 'mistral:7b' })).body).toMatchObject({ ok: true })
      await say(id, 'and now', {}, 1)
      expect(lastPrompt()).toEqual([{ role: 'system', content: 'You are mistral:7b.\n\nbe brief' }, { role: 'user', content: 'who are you' }, { role: 'assistant', content: body.response }, { role: 'user', content: 'and now' }])
    } finally {
      await stack.owner.query(`DELETE FROM prompt WHERE name = 'whoami'`)
      await refresh()
    }
  })

  it('stay in their regions, whatever is down, and cannot be given regions of others', async () => {
    const id = await open({ model: 'llama3.2', allowed_regions: ['eu-west'] })
    expect((await say(id, 'here')).body).toMatchObject({ region: 'eu-west' })
    await stack.sandbox.host('eu').set('refuse')
    const before = stack.sandbox.host('us').stats().requests
    expect((await say(id, 'there')).status).toBe(503)
    expect(stack.sandbox.host('us').stats().requests).toBe(before)
    expect(await call('POST', '/v1/conversations', { allowed_regions: ['mars'] })).toMatchObject({ status: 400, body: { error: { message: expect.stringContaining('mars is not a region of this account') } } })
  })

  it("are another tenant's to nobody: the same 404 as for one that never was, and no list shows them", async () => {
    const id = await open({ model: 'llama3.2' })
    const key = stranger.key
    for (const [method, path, body] of [
      ['GET', `/v1/conversations/ID`], ['GET', '/v1/conversations/ID/turns'], ['GET', '/v1/conversations/ID/export'], ['PATCH', '/v1/conversations/ID', { model: 'phi3' }], ['DELETE', '/v1/conversations/ID'], ['POST', '/chat', { message: 'hi', conversation_id: 'ID' }],
    ] as [string, string, object?][]) {
      const ask = (of: string) => call(method, path.replace('ID', of), body && JSON.parse(JSON.stringify(body).replace('ID', of)), { key })
      const [foreign, absent, junk] = [await ask(id), await ask(GONE), await ask('nonsense')]
      const words = (answer: Answer, of: string) => JSON.stringify({ ...answer.body, request_id: '', status: answer.status }).replaceAll(of, 'ID').replace(/"request_id":"[^"]*"/g, '')
      expect([foreign.status, words(foreign, id)]).toEqual([404, words(absent, GONE)])
      expect(words(junk, 'nonsense')).toBe(words(absent, GONE))
    }
    expect((await call('GET', '/v1/conversations', undefined, { key })).body.data).toEqual([])
    expect((await say(id, 'still here')).status).toBe(200)
  })

  it('of a project are seen by its own keys only, and count to it', async () => {
    const own = await stack.addTenant({ tier: 'premium' })
    const [web, shop] = [randomUUID(), randomUUID()]
    await stack.owner.query(`INSERT INTO project (tenant_id, id, slug, name) VALUES ($1, $2, 'web', 'Web'), ($1, $3, 'shop', 'Shop')`, [own.id, web, shop])
    const inWeb = await open({ project: 'web', model: 'llama3.2' }, own.key)
    const inShop = await open({ department: 'shop' }, own.key)
    expect((await call('POST', '/chat', { message: 'hi', conversation_id: inWeb }, { key: own.key })).status).toBe(200)
    await stack.settled()
    expect((await stack.owner.query('SELECT project_id FROM usage WHERE tenant_id = $1', [own.id])).rows).toEqual([{ project_id: web }])
    await stack.owner.query('UPDATE api_key SET project_id = $2 WHERE id = $1', [own.keyId, web])
    await eventually(async () => expect((await call('GET', `/v1/conversations/${inShop}`, undefined, { key: own.key })).status).toBe(404), { timeoutMs: 20_000 })
    expect((await call('GET', '/v1/conversations', undefined, { key: own.key })).body.data.map(({ id }: { id: string }) => id)).toEqual([inWeb])
    expect((await call('POST', '/v1/conversations', { project: 'shop' }, { key: own.key })).status).toBe(404)
  }, 60_000)

  it('page newest first, and are gone for good when deleted or erased, rows and key', async () => {
    const own = await stack.addTenant({ tier: 'premium' })
    const count = async (table: string) => Number((await stack.owner.query(`SELECT count(*) FROM ${table} WHERE tenant_id = $1`, [own.id])).rows[0].count)
    expect(await count('conversation_key')).toBe(0)
    const ids: string[] = []
    for (let i = 0; i < 5; i++) ids.unshift(await open({ title: `t${i}` }, own.key))
    const seen: string[] = []
    for (let next: string | null = null, first = true; first || next; first = false) {
      const page: Answer = await call('GET', `/v1/conversations?limit=2${next ? `&after=${next}` : ''}`, undefined, { key: own.key })
      seen.push(...page.body.data.map(({ id }: { id: string }) => id))
      next = page.body.next
    }
    expect(seen).toEqual(ids)
    await call('POST', '/chat', { message: 'hi', conversation_id: ids[0] }, { key: own.key })
    expect(await count('conversation_turn')).toBe(1)
    expect((await call('DELETE', `/v1/conversations/${ids[0]}`, undefined, { key: own.key })).body).toEqual({ id: ids[0], deleted: true })
    expect([await count('conversation_turn'), await count('conversation')]).toEqual([0, 4])
    expect((await call('DELETE', '/v1/conversations', undefined, { key: own.key })).status).toBe(400)
    expect((await call('DELETE', '/v1/conversations?all=true', undefined, { key: own.key })).body).toEqual({ deleted: 4 })
    expect([await count('conversation'), await count('conversation_key')]).toEqual([0, 0])
    expect((await call('GET', `/v1/conversations/${ids[1]}`, undefined, { key: own.key })).status).toBe(404)
  })

  it('deleted in mid-turn are not written again: the answer says that it was not kept', async () => {
    const id = await open({ model: 'llama3.2', allowed_regions: ['us-east'] })
    await stack.sandbox.host('us').set({ name: 'ok', params: { delay: 5_000 } })
    const asked = say(id, 'going')
    await eventually(() => expect(stack.sandbox.host('us').stats().active).toBe(1))
    await call('DELETE', `/v1/conversations/${id}`)
    const { status, body } = await asked
    expect([status, body.warnings.some((words: string) => words.startsWith('this turn was not kept in the conversation'))]).toEqual([200, true])
    expect((await stack.owner.query('SELECT FROM conversation_turn WHERE conversation_id = $1', [id])).rowCount).toBe(0)
  })

  it('leave no text in Postgres, Redis or logs', async () => {
    const canary = `canary-${randomUUID()}`
    const lines: string[] = []
    const spies = (['stdout', 'stderr'] as const).map((name) => jest.spyOn(process[name], 'write').mockImplementation((chunk) => (lines.push(String(chunk)), true)))
    const id = await open({ model: 'llama3.2', title: `${canary} title`, system: `${canary} system` })
    await say(id, `${canary} question`)
    expect((await turnsOf(id))[0]!.messages[0]!.content).toBe(`${canary} question`)
    await stack.sandbox.host('us').set('http500')
    await say(id, `${canary} failing`)
    await stack.settled()
    for (const spy of spies) spy.mockRestore()
    const tables = (await stack.owner.query<{ name: string }>(`SELECT quote_ident(table_name) AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`)).rows
    const hits: string[] = []
    const hex = Buffer.from(canary).toString('hex')
    for (const { name } of tables) if (Number((await stack.owner.query(`SELECT count(*) FROM ${name} x WHERE x::text LIKE '%' || $1 || '%' OR x::text LIKE '%' || $2 || '%'`, [canary, hex])).rows[0].count) > 0) hits.push(name)
    expect(hits).toEqual([])
    const redis = new Redis(redisUrl)
    for (const key of await redis.keys('*')) {
      const dump = await redis.dumpBuffer(key)
      if (key.includes(canary) || dump?.includes(canary)) hits.push(key)
    }
    await redis.quit()
    expect(hits).toEqual([])
    expect(lines.filter((line) => line.includes(canary))).toEqual([])
    const { rows } = await stack.owner.query<{ sealed: Buffer }>('SELECT sealed FROM conversation_turn WHERE conversation_id = $1', [id])
    expect(rows[0]!.sealed.length).toBeGreaterThan(canary.length)
  })

  it.each([
    [{ nonsense: 1 }, 'nonsense'],
    [{ ttl_seconds: 5 }, 'ttl_seconds: must be at least 60'],
    [{ allowed_regions: [] }, 'allowed_regions: must name at least one region'],
    [{ title: ' ' }, 'title: must not be empty'],
    [{ model: 'qwen9' }, "Model 'qwen9' not found"],
    [{ project: 'nowhere' }, "Project 'nowhere' not found"],
    [[], 'expected object'],
  ])('are not made from %j', async (body, words) => {
    const answer = await call('POST', '/v1/conversations', body)
    expect([400, 404]).toContain(answer.status)
    expect(answer.body.error.message).toContain(words)
  })
})
