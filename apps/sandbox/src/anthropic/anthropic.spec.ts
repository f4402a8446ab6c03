import { startSandbox, type Sandbox, type SandboxHost } from '../index'
import { hear, type Heard } from '../testing/caller'
import { ANTHROPIC, bodyFor, events, VERSION, type Play } from '../testing/stage'

const KEY = { ...VERSION, 'x-api-key': 'secret' }
const tools = [{ name: 'get_weather', input_schema: { type: 'object' } }]
let sandbox: Sandbox
let host: SandboxHost

beforeAll(async () => {
  sandbox = await startSandbox({
    hosts: [
      {
        name: 'claude',
        region: 'us-east',
        dialect: 'anthropic',
        models: ['claude-haiku-4-5'],
        apiKey: 'secret',
        defaults: { gap: 0 },
      },
    ],
  })
  host = sandbox.host('claude')
})
afterAll(() => sandbox.close())

const ask = (behaviour: string, play: Play = {}): Promise<Heard> =>
  hear(`${host.baseUrl}${ANTHROPIC}`, bodyFor(behaviour, { path: ANTHROPIC, ...play }), { headers: KEY })

interface Event {
  type: string
  index?: number
  message?: { id: string; usage?: object }
  content_block?: object
  delta?: { type?: string; text?: string; partial_json?: string; stop_reason?: string }
  usage?: object
}

const parsed = (heard: Heard): Event[] =>
  events(heard).map((block) => {
    const [name, data] = block.split('\n')
    const event = JSON.parse((data ?? '').slice('data: '.length)) as Event
    expect(name).toBe(`event: ${event.type}`)
    return event
  })

describe('messages', () => {
  test('a stream has the whole sequence of events, each named', async () => {
    const heard = await ask('think@words=2')
    expect(heard.headers['request-id']).toMatch(/^req_01/)
    const sequence = parsed(heard)
    expect(sequence.map(({ type }) => type)).toEqual([
      'message_start',
      'content_block_start',
      ...Array<string>(4).fill('content_block_delta'),
      'content_block_stop',
      'content_block_start',
      'ping',
      'content_block_delta',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ])
    expect(sequence[0]?.message).toMatchObject({
      id: expect.stringMatching(/^msg_01\w{22}$/),
      type: 'message',
      role: 'assistant',
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: 4, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 1 },
    })
    expect(sequence.at(-2)).toMatchObject({
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: 6 },
    })
  })

  test('a whole message counts cached tokens beside the input, not in it', async () => {
    const { body } = await ask('ok-cached@words=2', { stream: false })
    expect(JSON.parse(body)).toMatchObject({
      type: 'message',
      content: [{ type: 'text', text: 'w1 w2' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 1, cache_read_input_tokens: 3, cache_creation_input_tokens: 0, output_tokens: 3 },
    })
  })

  test('a call comes in fragments, the first of them empty', async () => {
    const sequence = parsed(await ask('tool', { more: { tools } }))
    expect(sequence[1]?.content_block).toEqual({
      type: 'tool_use',
      id: expect.stringMatching(/^toolu_01/),
      name: 'get_weather',
      input: {},
    })
    const parts = sequence.flatMap(({ delta }) => (delta?.type === 'input_json_delta' ? [delta.partial_json] : []))
    expect(parts).toEqual(['', '{', '"city":', '"Paris"}'])
    expect(sequence.at(-2)?.delta?.stop_reason).toBe('tool_use')
  })

  test('json-for-stream and stream-for-json answer in the other form', async () => {
    expect((await ask('json-for-stream')).headers['content-type']).toBe('application/json')
    expect((await ask('stream-for-json', { stream: false })).headers['content-type']).toBe('text/event-stream')
  })
})

describe('refusals', () => {
  const error = (heard: Heard): unknown => {
    const { type, error: inner, request_id: id } = JSON.parse(heard.body) as Record<string, unknown>
    expect(type).toBe('error')
    expect(id).toBe(heard.headers['request-id'])
    return { status: heard.status, ...(inner as object) }
  }

  test.each([
    ['overloaded', 529, 'overloaded_error'],
    ['rate', 429, 'rate_limit_error'],
    ['no-key', 401, 'authentication_error'],
    ['no-model', 404, 'not_found_error'],
    ['too-long', 400, 'invalid_request_error'],
    ['quota', 402, 'billing_error'],
    ['quota@kind=balance', 400, 'invalid_request_error'],
    ['quota@kind=cap', 429, 'rate_limit_error'],
    ['err-200', 200, 'overloaded_error'],
  ])('%s is %i %s', async (behaviour, status, type) => {
    expect(error(await ask(behaviour))).toMatchObject({ status, type })
  })

  test.each([
    ['a key', {}, {}, 401, 'x-api-key header is required'],
    ['the right key', { 'x-api-key': 'other' }, {}, 401, 'invalid x-api-key'],
    ['a version', { 'x-api-key': 'secret' }, {}, 400, 'anthropic-version: header is required'],
    ['max_tokens', KEY, { max_tokens: undefined }, 400, 'max_tokens: Field required'],
    ['messages', KEY, { messages: [] }, 400, 'messages: at least one message is required'],
    ['a model it holds', KEY, { model: 'gpt-4o' }, 404, 'model: gpt-4o'],
  ])('asks for %s', async (_what, headers, more, status, message) => {
    const body = bodyFor('ok', { path: ANTHROPIC, more })
    const heard = await hear(`${host.baseUrl}${ANTHROPIC}`, body, { headers })
    expect(error(heard)).toMatchObject({ status, message })
  })

  test.each(['/v1/embeddings', '/v1/chat/completions'])('%s is not there', async (path) => {
    expect(error(await hear(`${host.baseUrl}${path}`, {}, { headers: KEY }))).toMatchObject({
      status: 404,
      type: 'not_found_error',
    })
  })
})

test('lists models on one page', async () => {
  const { body } = await hear(`${host.baseUrl}/v1/models`, undefined, { headers: KEY })
  expect(JSON.parse(body)).toMatchObject({
    data: [{ type: 'model', id: 'claude-haiku-4-5', created_at: expect.any(String) }],
    has_more: false,
    first_id: 'claude-haiku-4-5',
  })
})

test.each([
  ['usage-every@words=2', ['1', '2', '3']],
  ['double-finish@words=2', ['3', '3']],
  ['no-usage@words=2', ['none']],
  ['usage-wrong@words=2,kind=negative', ['-3']],
])('%s tells such totals', async (behaviour, totals) => {
  const sequence = parsed(await ask(behaviour)).filter(({ type }) => type === 'message_delta')
  expect(sequence.map(({ usage }) => String((usage as { output_tokens?: number }).output_tokens ?? 'none'))).toEqual(totals)
})

test('usage-zeros tells the whole truth with the last event', async () => {
  const sequence = parsed(await ask('usage-zeros@words=2'))
  expect(sequence[0]?.message?.usage).toMatchObject({ input_tokens: 0, output_tokens: 0 })
  expect(sequence.at(-2)?.usage).toEqual({ input_tokens: 4, output_tokens: 3 })
})

test('pings as often as it is told, as events', async () => {
  const heard = await ask('ping@every=1,count=2,words=1')
  expect(heard.body.startsWith('event: ping\ndata: {"type": "ping"}\n\nevent: ping')).toBe(true)
})

test('breaks off with a named error event', async () => {
  for (const behaviour of ['err-a', 'err-event', 'err-event-r', 'err-old', 'err-line'])
    expect(events(await ask(behaviour)).at(-1)).toMatch(/^event: error\ndata: {"type":"error","error":{"type":"overloaded_error"/)
})
