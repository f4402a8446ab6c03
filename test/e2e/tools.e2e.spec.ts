import { existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CatalogService } from '../../libs/catalog'
import { McpService } from '../../libs/mcp'
import { documented, eventually, redisTargets, startStack, tempFolder, type SeededTenant, type Stack } from '../support'
import { atRest, ledgerSum, usageOf } from './evidence'
import { parseSse, SURFACES } from './surfaces'

const { url: redisUrl } = redisTargets().at(-1)!
const HOSTS = [
  { name: 'ollama', region: 'us-east', dialect: 'ollama' as const, models: ['phi3', 'llama3.2', 'mistral:7b'], defaults: { gap: 0 } },
  { name: 'openai', region: 'us-east', dialect: 'openai' as const, models: ['gpt-4o-mini', 'gpt-4o'], defaults: { gap: 0 } },
  { name: 'anthropic', region: 'us-east', dialect: 'anthropic' as const, models: ['claude-haiku-4-5'], defaults: { gap: 0 } },
]
const ROGUE = join(__dirname, '../fixtures/mcp-rogue.mjs')
const modules = join(__dirname, '../../node_modules/@modelcontextprotocol')
const EVERYTHING = realpathSync(join(modules, 'server-everything/dist/index.js'))
const FILES = realpathSync(join(modules, 'server-filesystem/dist/index.js'))
const MODELS = { phi3: ['everything'], 'llama3.2': ['files', 'everything'], 'gpt-4o-mini': ['everything', 'rogue'], 'claude-haiku-4-5': ['everything'], 'mistral:7b': ['gone', 'gold-only'], 'gpt-4o': ['patient'] }
/** What a stream may be silent for. */
const PING_MS = 15_000

// oxlint-disable-next-line typescript/no-explicit-any -- specs look into replies of every shape
type Body = any

describe('the time of a call', () => {
  const folder = tempFolder()
  let stack: Stack
  beforeAll(async () => {
    const file = join(folder.path, 'tollgate.yaml')
    writeFileSync(file, `mcp:\n  servers:\n    - { name: patient, transport: stdio, command: ${process.execPath}, args: ["${ROGUE}"] }\n`)
    stack = await startStack({ redisUrl, hosts: [{ ...HOSTS[1]!, models: ['gpt-4o'] }], env: { OLLAMA_AUTO_HEALTH_CHECK: 'false', TOLLGATE_MCP_FILE: file, TOLLGATE_TOTAL_TIMEOUT_MS: '1500' } })
    await stack.owner.query(`UPDATE model SET mcp_servers = '{patient}' WHERE name = 'gpt-4o'`)
    for (const gateway of stack.gateways) await gateway.get(CatalogService, { strict: false }).refresh()
  })
  afterAll(async () => {
    await stack?.stop()
    folder.remove()
  })

  it('is shared by its rounds and tools: what is left ends a tool, the model is not asked again, and the bill stands', async () => {
    const tenant = await stack.addTenant({ tier: 'enterprise' })
    const host = stack.sandbox.host('openai')
    await eventually(async () => {
      await host.set({ name: 'tool', params: { call: 'mcp__patient__echo', args: '{"text":"ready"}' } })
      const ready = (await (await stack.post('/chat', tenant.key, { model: 'gpt-4o', message: 'hello' })).json()) as Body
      expect(ready.response).toBe('echo: ready')
    })
    await host.set({ name: 'tool', params: { call: 'mcp__patient__hang', args: '{}' } })
    const before = host.log().length
    const response = await stack.post('/chat', tenant.key, { model: 'gpt-4o', message: 'hello' })
    const body = (await response.json()) as Body
    expect([response.status, body.finish_reason, host.log().length - before]).toEqual([200, 'length', 1])
    expect(body.warnings).toEqual(expect.arrayContaining(['patient/hang gave no result (cancelled)', 'the time of a call was used up by its tools: the model was not asked again']))
    await stack.settled()
    const { rows } = await stack.owner.query('SELECT count(*)::int AS calls, sum(amount_pico)::text AS billed FROM usage WHERE parent_rid = $1', [body.request_id])
    expect(rows).toEqual([{ calls: 1, billed: String(BigInt(Math.round(Number(body.usage.cost) * 1e12))) }])
    await atRest(redisUrl)
  })
})

describe('tools of the operator', () => {
  const folder = tempFolder()
  let stack: Stack
  let tenant: SeededTenant
  beforeAll(async () => {
    mkdirSync(join(folder.path, 'shelf'))
    writeFileSync(join(folder.path, 'shelf/note.txt'), 'the answer is 42')
    const stdio = (name: string, args: string[], limits = '', more = '') => `    - { name: ${name}, transport: stdio, command: ${process.execPath}, args: ${JSON.stringify(args)}, limits: { start_ms: 60000${limits} }${more} }\n`
    const file = join(folder.path, 'tollgate.yaml')
    writeFileSync(file, `mcp:\n  servers:\n${stdio('everything', [EVERYTHING, 'stdio'])}${stdio('files', [FILES, realpathSync(join(folder.path, 'shelf'))])}${stdio('rogue', [ROGUE], ', rounds: 3, timeout_ms: 700, result_bytes: 200')}${stdio('gold-only', [ROGUE], '', ', tiers: [gold]')}${stdio('patient', [ROGUE])}`)
    stack = await startStack({ redisUrl, hosts: HOSTS, env: { OLLAMA_AUTO_HEALTH_CHECK: 'false', TOLLGATE_MCP_FILE: file } })
    for (const [model, servers] of Object.entries(MODELS)) await stack.owner.query('UPDATE model SET mcp_servers = $2 WHERE name = $1', [model, servers])
    await stack.owner.query(`UPDATE model SET capabilities = '["completion"]' WHERE name = 'phi3'`)
    for (const gateway of stack.gateways) await gateway.get(CatalogService, { strict: false }).refresh()
    // Five processes start at once, and a call has no tools of one that does not run yet.
    for (const gateway of stack.gateways) await eventually(async () => expect((await gateway.get(McpService, { strict: false }).offer(['everything', 'files', 'rogue', 'gold-only', 'patient'], 'gold', new Set())).warnings).toEqual([]), { timeoutMs: 60_000 })
  })
  beforeEach(async () => {
    tenant = await stack.addTenant({ tier: 'enterprise' })
    for (const host of stack.sandbox.hosts) await host.reset()
  })
  afterAll(async () => {
    await stack?.stop()
    folder.remove()
  })

  const hostOf = (model: string) => HOSTS.find(({ models }) => models.includes(model))!.name
  /** Makes a model's host call a tool, and answer with what it says. */
  const calls = (model: string, call: string, args: object, more: Record<string, string | number> = {}) => stack.sandbox.host(hostOf(model)).set({ name: 'tool', params: { call, args: JSON.stringify(args), ...more } })
  const post = async (path: string, body: object, headers: Record<string, string> = {}) => {
    const response = await stack.post(path, tenant.key, body, headers)
    const text = await response.text()
    const type = response.headers.get('content-type') ?? ''
    return { status: response.status, text, body: (type.startsWith('application/json') ? JSON.parse(text) : null) as Body, events: type.includes('event-stream') ? parseSse(text) : [] }
  }
  const chat = (model: string, more: object = {}) => post('/chat', { model, message: 'hello', ...more })
  const asked = (model: string) => stack.sandbox.host(hostOf(model)).log().filter(({ path }) => /chat|messages/.test(path)).map(({ body }) => body as Body)
  const explained = async (id: string): Promise<Body> =>
    eventually(async () => {
      const response = await documented('GET', await fetch(`${stack.url}/v1/requests/${id}/explain`, { headers: { 'x-api-key': tenant.key } }))
      const found = (await response.json()) as Body
      if (!found.decision) throw new Error('the decision is not written yet')
      return found
    })
  const toldOf = (body: Body): string[] => (body.warnings as string[]).filter((warning) => !warning.includes('sandbox host'))
  const money = (pico: bigint) => Number(pico) / 1e12

  it.each(['llama3.2', 'gpt-4o-mini', 'claude-haiku-4-5'])('runs a tool that %s calls and asks again with its result; each round is billed, the reply is their sum', async (model) => {
    await calls(model, 'mcp__everything__get-sum', { a: 2, b: 40 })
    const { status, body } = await chat(model)
    expect([status, body.response, body.finish_reason]).toEqual([200, expect.stringContaining('42'), 'stop'])
    const [first, second] = asked(model)
    const named = (first.tools as Body[]).map((tool) => tool.function?.name ?? tool.name)
    expect(named).toContain('mcp__everything__echo')
    expect(JSON.stringify(second.messages)).toContain('42')
    expect(asked(model)).toHaveLength(2)
    await stack.settled()
    const rows = await usageOf(stack.owner, tenant.id)
    expect(rows.map(({ rid }) => rid)).toContain(body.request_id)
    expect(rows).toHaveLength(2)
    const sum = rows.reduce((total, { amount_pico: pico }) => total + pico, 0n)
    expect(await ledgerSum(stack.owner, tenant.id)).toBe(sum)
    expect(Number(body.usage.cost)).toBe(money(sum))
    expect([body.usage.prompt_tokens, body.usage.completion_tokens]).toEqual([rows.reduce((total, row) => total + row.prompt_tokens, 0), rows.reduce((total, row) => total + row.completion_tokens, 0)])
    const { rows: family } = await stack.owner.query('SELECT count(*)::int AS calls, sum(amount_pico)::text AS billed FROM usage WHERE parent_rid = $1', [body.request_id])
    expect(family).toEqual([{ calls: 2, billed: String(sum) }])
    await atRest(redisUrl)
  })

  it.each(SURFACES.filter(({ type }) => type === 'text/event-stream'))('shows on $path that it lives while a tool runs for longer than a client would wait, and then answers', async ({ path, body, hear }) => {
    const place = join(folder.path, path.replaceAll('/', '-'))
    mkdirSync(place)
    await calls('gpt-4o', 'mcp__patient__wait', { text: place })
    // The tool runs in its own process and time; of ours only the pings' clock is held.
    jest.useFakeTimers({ doNotFake: ['Date', 'hrtime', 'nextTick', 'performance', 'queueMicrotask', 'setImmediate', 'clearImmediate', 'setTimeout', 'clearTimeout'] })
    try {
      const answering = stack.post(path, tenant.key, body('gpt-4o', true))
      await eventually(() => expect(existsSync(join(place, 'runs'))).toBe(true))
      jest.advanceTimersByTime(PING_MS)
      const reader = (await answering).body!.getReader()
      const silence = path === '/v1/messages' ? 'event: ping' : ': ping'
      const decoder = new TextDecoder()
      let text = ''
      const read = async () => {
        const { done, value } = await reader.read()
        text += decoder.decode(value, { stream: !done })
        return !done
      }
      for (let pings = 1; pings <= 3; pings++) {
        while (text.split(silence).length <= pings) expect(await read()).toBe(true)
        jest.advanceTimersByTime(PING_MS)
      }
      expect(text).not.toContain('waited')
      writeFileSync(join(place, 'go'), '')
      while (await read());
      expect(hear(text)).toMatchObject({ text: 'waited', end: 'whole', terminals: 1 })
    } finally {
      jest.useRealTimers()
    }
  })

  it('reads a file through the reference file server on /v1/chat/completions', async () => {
    await calls('llama3.2', 'mcp__files__read_text_file', { path: join(realpathSync(folder.path), 'shelf/note.txt') })
    const { body } = await post('/v1/chat/completions', { model: 'llama3.2', messages: [{ role: 'user', content: 'hello' }] })
    expect(body.choices[0]).toMatchObject({ message: { content: 'the answer is 42' }, finish_reason: 'stop' })
    expect(body.choices[0].message.tool_calls).toBeUndefined()
  })

  it('streams the text of every round, keeps the calls of its own tools back, and ends once with the sum', async () => {
    await calls('gpt-4o-mini', 'mcp__everything__echo', { message: 'far away' }, { say: 'Let me ask.' })
    const { events } = await post('/v1/chat/completions', { model: 'gpt-4o-mini', stream: true, stream_options: { include_usage: true }, messages: [{ role: 'user', content: 'hello' }] })
    expect(events.at(-1)!.data).toBe('[DONE]')
    const chunks = events.slice(0, -1).map(({ data }) => JSON.parse(data) as Body)
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe('Let me ask.\n\nEcho: far away')
    expect(chunks.filter(({ choices }) => choices[0]?.delta.tool_calls)).toEqual([])
    expect(chunks.flatMap(({ choices }) => choices[0]?.finish_reason ?? [])).toEqual(['stop'])
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1)
    await stack.settled()
    const rows = await usageOf(stack.owner, tenant.id)
    expect([rows.length, chunks.at(-1)!.usage.prompt_tokens]).toEqual([2, rows.reduce((total, row) => total + row.prompt_tokens, 0)])
    const streamed = await chat('gpt-4o-mini', { stream: true })
    expect(streamed.events.slice(0, -2).map(({ data }) => (JSON.parse(data) as Body).delta).join('')).toBe('Let me ask.\n\nEcho: far away')
    expect(JSON.parse(streamed.events.at(-2)!.data)).toMatchObject({ done: true, finish_reason: 'stop' })
  })

  it.each(SURFACES)('runs its tools on $path as well: text of all rounds, one end, none of the calls', async (surface) => {
    await calls('gpt-4o-mini', 'mcp__everything__echo', { message: 'far' }, { say: 'One moment.' })
    const { status, text } = await post(surface.path, surface.body('gpt-4o-mini', true))
    expect([status, surface.hear(text)]).toEqual([200, { text: 'One moment.\n\nEcho: far', end: 'whole', terminals: 1 }])
    expect(text).not.toContain('mcp__')
    const whole = await post(surface.path, surface.body('gpt-4o-mini', false))
    expect(JSON.stringify(whole.body)).toContain('One moment.\\n\\nEcho: far')
    await stack.settled()
    expect(await usageOf(stack.owner, tenant.id)).toHaveLength(4)
  })

  it('runs its tools in a turn of a conversation, which keeps what was said and no calls', async () => {
    const opened = (await post('/v1/conversations', { model: 'gpt-4o-mini' })).body as { id: string }
    await calls('gpt-4o-mini', 'mcp__everything__echo', { message: 'kept' })
    expect((await post('/chat', { message: 'hello', conversation_id: opened.id })).body.response).toBe('Echo: kept')
    await stack.sandbox.host('openai').set('ok')
    await post('/chat', { message: 'and now', conversation_id: opened.id })
    expect(asked('gpt-4o-mini').at(-1).messages).toEqual([{ role: 'user', content: 'hello' }, { role: 'assistant', content: 'Echo: kept' }, { role: 'user', content: 'and now' }])
  })

  it('runs once under an Idempotency-Key, and remembers the sum', async () => {
    await calls('gpt-4o-mini', 'mcp__everything__echo', { message: 'once' })
    const headers = { 'idempotency-key': 'tools-once' }
    const first = await post('/chat', { model: 'gpt-4o-mini', message: 'x' }, headers)
    const again = await post('/chat', { model: 'gpt-4o-mini', message: 'x' }, headers)
    expect([first.status, again.status, again.body.code, again.body.original.cost]).toEqual([200, 409, 'already_completed', first.body.usage.cost])
    expect(asked('gpt-4o-mini')).toHaveLength(2)
  })

  it('brings a thought that its provider sealed back with the results', async () => {
    await calls('claude-haiku-4-5', 'mcp__everything__echo', { message: 'thought' }, { thinks: 1 })
    expect((await chat('claude-haiku-4-5')).body.response).toBe('Echo: thought')
    const assistant = (asked('claude-haiku-4-5').at(-1).messages as Body[]).find(({ role }) => role === 'assistant')
    expect(assistant.content.map(({ type }: Body) => type)).toEqual(['thinking', 'tool_use'])
  })

  const weather = { type: 'function', function: { name: 'get_weather', parameters: { type: 'object', properties: {} } } }

  it('hands a call of the client’s own tool to the client, also after rounds of its own', async () => {
    const ask = (messages: object[], more: object = {}) => post('/v1/chat/completions', { model: 'gpt-4o-mini', messages, tools: [weather], ...more })
    await calls('gpt-4o-mini', 'get_weather', { city: 'Rome' })
    const { body } = await ask([{ role: 'user', content: 'hello' }])
    expect(body.choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { tool_calls: [{ function: { name: 'get_weather', arguments: expect.stringContaining('Rome') } }] } })
    expect((asked('gpt-4o-mini')[0].tools as Body[]).length).toBeGreaterThan(1)
    const { events } = await ask([{ role: 'user', content: 'hello' }], { stream: true })
    expect(events.filter(({ data }) => data.includes('tool_calls')).length).toBeGreaterThan(1)
  })

  it('runs none of its tools in an answer that calls one of the client’s as well, and says so', async () => {
    await stack.sandbox.host('openai').set({ name: 'tool-parallel', params: { call: 'mcp__everything__echo', args: '{"message":"x"}', call2: 'get_weather', args2: '{"city":"Rome"}' } })
    const { body } = await post('/v1/chat/completions', { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hello' }], tools: [weather] })
    expect(body.choices[0].message.tool_calls.map((call: Body) => call.function.name)).toEqual(['get_weather'])
    expect(body.warnings).toContainEqual('calls of everything/echo were not run: the answer calls tools of yours as well, and those are run first')
    const { events } = await post('/v1/chat/completions', { model: 'gpt-4o-mini', stream: true, messages: [{ role: 'user', content: 'hello' }], tools: [weather] })
    const deltas = events.slice(0, -1).flatMap(({ data }) => (JSON.parse(data) as Body).choices[0]?.delta.tool_calls ?? [])
    expect([...new Set(deltas.map(({ index }: Body) => index))]).toEqual([0])
    expect(deltas.map((delta: Body) => delta.function.arguments).join('')).toMatch(/^\{"city": ?"Rome"\}$/)
  })

  it('gives its tools other names where the client has them already', async () => {
    const taken = { type: 'function', function: { name: 'mcp__everything__echo', parameters: { type: 'object' } } }
    await post('/v1/chat/completions', { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hello' }], tools: [taken] })
    const names = (asked('gpt-4o-mini')[0].tools as Body[]).map((tool) => tool.function.name)
    expect(new Set(names).size).toBe(names.length)
    expect(names.filter((name) => name.startsWith('mcp__everything__echo'))).toHaveLength(2)
  })

  it.each([
    [{ tool_choice: 'none' }, undefined],
    [{ tool_choice: 'required', tools: [weather] }, 'tools of the model were not offered: tool_choice asks for one of yours'],
    [{ n: 2 }, 'tools of the model were not offered: they are for one answer, and several were asked for'],
  ])('does not offer its tools with %j', async (more, warning) => {
    await stack.sandbox.host('openai').set('tools' in more ? 'tool' : 'ok')
    const { body } = await post('/v1/chat/completions', { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hello' }], ...more })
    expect(JSON.stringify(asked('gpt-4o-mini')[0].tools ?? [])).not.toContain('mcp__')
    expect(toldOf(body)).toEqual(warning ? [warning] : [])
  })

  it('stops after the rounds allowed with a last answer without tools, and a warning', async () => {
    await calls('gpt-4o-mini', 'mcp__rogue__echo', { text: 'again' }, { times: 99 })
    const { status, body } = await chat('gpt-4o-mini')
    expect([status, asked('gpt-4o-mini').length]).toEqual([200, 4])
    expect(asked('gpt-4o-mini').at(-1).tool_choice).toBe('none')
    expect(body.warnings).toContainEqual('the model was asked again with results of tools 3 times, the most allowed, and had to answer without more')
    await stack.settled()
    expect(await usageOf(stack.owner, tenant.id)).toHaveLength(4)
  })

  it.each([
    ['hang', 'its server did not answer in time', /^rogue\/hang gave no result \(timeout\)$/],
    ['die', 'its server ended before it answered', /^rogue\/die gave no result \(died\)$/],
    // Which comes first is the machine's business; libs/mcp has a spec with time enough.
    ['flood', /its server (sent more than is taken|did not answer in time)/, /^rogue\/flood gave no result \((flooded|timeout)\)$/],
  ])('tells model and client when a tool of a server goes wrong: %s', async (tool, told, warning) => {
    await eventually(async () => {
      await calls('gpt-4o-mini', 'mcp__rogue__echo', { text: 'ready' })
      expect((await chat('gpt-4o-mini')).body.response).toBe('echo: ready')
    })
    await calls('gpt-4o-mini', `mcp__rogue__${tool}`, {})
    const { status, body } = await chat('gpt-4o-mini')
    expect([status, body.response]).toEqual([200, expect.stringMatching(told)])
    expect(body.warnings).toContainEqual(expect.stringMatching(warning))
    expect((await fetch(`${stack.url}/readyz`)).status).toBe(200)
  })

  it('says in the reply that a result was cut, and that a server is not there; a tier’s own choice is silent', async () => {
    await calls('gpt-4o-mini', 'mcp__rogue__big', { n: 500 })
    await eventually(async () => expect((await chat('gpt-4o-mini')).body.warnings).toContainEqual('the result of rogue/big was cut: it was 1000 bytes'))
    const { body } = await chat('mistral:7b')
    expect(toldOf(body)).toEqual(['tools of gone were not offered: this gateway does not have its server'])
    expect(asked('mistral:7b')[0].tools).toBeUndefined()
    expect((await explained(body.request_id)).decision.tools).toMatchObject({ offered: [], warnings: [expect.stringContaining('tools of gone')] })
    expect(toldOf((await chat('phi3')).body)).toEqual(['tools of the model were not offered: its hosts say that phi3 takes none'])
  })

  it('explains every round and every tool call, without arguments or results, and before as a dry run', async () => {
    await calls('gpt-4o-mini', 'mcp__everything__echo', { message: 'secret words' })
    const { body } = await chat('gpt-4o-mini')
    const { decision } = await explained(body.request_id)
    expect(decision.tools).toMatchObject({ most_rounds: 3, calls: [{ round: 1, server: 'everything', tool: 'echo', outcome: 'ok', cut: false, result_bytes: 18 }], rounds: [{ round: 1, request_id: body.request_id, finish_reason: 'tool_calls', model: 'gpt-4o-mini' }, { round: 2, finish_reason: 'stop' }] })
    expect(JSON.stringify(decision)).not.toContain('secret words')
    // A token is a byte at least, of definitions too.
    expect(decision.limits.prompt_tokens_at_most).toBeGreaterThan(JSON.stringify(asked('gpt-4o-mini')[0].tools).length)
    expect((await explained(decision.tools.rounds[1].request_id)).decision.tools).toEqual({ round: 2, of: body.request_id })
    const before = asked('gpt-4o-mini').length
    const dry = (await post('/v1/explain', { model: 'gpt-4o-mini', message: 'hello' })).body
    expect(dry).toMatchObject({ would: 'be_served', decision: { tools: { rounds: [], calls: [] }, limits: decision.limits.reserved ? { reserved: decision.limits.reserved } : {} } })
    expect(asked('gpt-4o-mini')).toHaveLength(before)
    expect(await (await fetch(`${stack.url}/metrics`)).text()).toMatch(/tollgate_tool_calls_total\{server="everything",tool="echo",outcome="ok"\} \d/)
  })

  it('is an error, with what was billed, when a later round is refused', async () => {
    await calls('gpt-4o-mini', 'mcp__everything__echo', { message: 'x' })
    await stack.owner.query('UPDATE api_key SET rpm_limit = 1 WHERE tenant_id = $1', [tenant.id])
    const headers = { 'idempotency-key': 'tools-refused' }
    const { status, body } = await post('/chat', { model: 'gpt-4o-mini', message: 'hello' }, headers)
    expect([status, body.code, body.billed_rounds]).toEqual([429, 'rate_limit_exceeded', 1])
    await stack.settled()
    expect((await post('/chat', { model: 'gpt-4o-mini', message: 'hello' }, headers)).body.code).toBe('already_completed')
    expect(await usageOf(stack.owner, tenant.id)).toHaveLength(1)
    await atRest(redisUrl)
  })

  it('ends model and tool when the client leaves', async () => {
    await calls('gpt-4o-mini', 'mcp__rogue__hang', {})
    const leaving = new AbortController()
    const gone = fetch(`${stack.url}/chat`, { method: 'POST', signal: leaving.signal, headers: { 'x-api-key': tenant.key, 'content-type': 'application/json' }, body: JSON.stringify({ model: 'gpt-4o-mini', message: 'x' }) }).catch(() => null)
    await eventually(() => expect(asked('gpt-4o-mini')).toHaveLength(1))
    leaving.abort()
    await gone
    await stack.settled()
    await eventually(async () => expect(await usageOf(stack.owner, tenant.id)).toHaveLength(1))
    expect(asked('gpt-4o-mini')).toHaveLength(1)
    await atRest(redisUrl)
  })
})
