import { SCOPES } from './catalogue/names'
import type { LogEntry, Sandbox } from './index'
import { call, eventually, hear, type Heard } from './testing/caller'
import { ANTHROPIC, bodyFor, COMPATIBLE, events, lines, oneOfEach, pathOf, play, VERSION, type Play } from './testing/stage'

const tools = [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object' } } }]
let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await oneOfEach()
})
afterAll(() => sandbox.close())
const playing = (behaviour: string, options?: Play): ReturnType<typeof play> => play(sandbox, behaviour, options)

const NEVER_ENDING = new Set(['endless', 'blackhole', 'hang-headers', 'hang-mid', 'pull-stall', 'left-open'])
const SLOW = new Set(['slow', 'slow-load', 'drip', 'slow-then-ok', 'burst', 'long-line', 'stale-keepalive', 'ping'])

describe('every behaviour, streamed and whole, on every dialect', () => {
  const names = [...SCOPES.keys()].filter((name) => !SLOW.has(name))
  test.each(names)('%s', async (name) => {
    for (const host of sandbox.hosts) {
      for (const stream of [true, false]) {
        const path = pathOf(host.dialect)
        await host.reset()
        const body = bodyFor(name, { stream, path, more: { tools } })
        const { heard, hangUp } = call(`${host.baseUrl}${path}`, body, { headers: VERSION })
        if (NEVER_ENDING.has(name)) {
          await eventually(() => host.log().length === 1 && (host.log()[0] as LogEntry).behaviour === name)
          hangUp()
        }
        await heard
        await eventually(() => host.log()[0]?.end != null)
        expect((await heard).body).not.toContain('sandbox fault')
        expect(host.stats().active).toBe(0)
      }
    }
  })
})

describe('answers', () => {
  test('tool makes one call, early in a line of its own, or in fragments', async () => {
    const late = lines((await playing('tool', { more: { tools } })).heard)
    expect(late).toHaveLength(1)
    expect(JSON.parse(late[0] ?? '')).toMatchObject({
      done: true,
      message: { tool_calls: [{ function: { arguments: { city: 'Paris' } } }] },
    })
    const early = lines((await playing('tool-early', { more: { tools } })).heard)
    expect(early.map((line) => (JSON.parse(line) as { done: boolean }).done)).toEqual([false, true])
    const { heard, entry } = await playing('tool', { on: 'openai', more: { tools } })
    const parts = [...heard.body.matchAll(/"arguments":("(?:[^"\\]|\\.)*")/g)].map(
      (match) => JSON.parse(match[1] ?? '') as string,
    )
    expect(parts).toEqual(['{', '"city":', ' "Paris"}'])
    expect(entry.completion_tokens).toBe(7)
  })

  test('parallel calls alternate by index, and n=2 counts both', async () => {
    const { heard } = await playing('tool-parallel', { on: 'openai', more: { tools } })
    expect([...heard.body.matchAll(/"tool_calls":\[\{"index":(\d)/g)].map((match) => match[1]).join('')).toBe('010101')
    const twice = await playing('n2@words=3', { on: 'openai', stream: false })
    expect(JSON.parse(twice.heard.body)).toMatchObject({
      choices: [{ index: 0 }, { index: 1 }],
      usage: { completion_tokens: 8 },
    })
    expect(twice.entry.completion_tokens).toBe(8)
  })

  test('a schema is answered with JSON that fits, and cached tokens are a part of the prompt', async () => {
    const format = {
      type: 'object',
      properties: { ok: { type: 'boolean' }, tags: { type: 'array', items: { type: 'string' } } },
    }
    const { heard } = await playing('json', { stream: false, more: { format } })
    expect(JSON.parse((JSON.parse(heard.body) as { message: { content: string } }).message.content)).toEqual({
      ok: true,
      tags: ['w1'],
    })
    const cached = await playing('ok-cached', { on: 'openai', stream: false })
    expect(JSON.parse(cached.heard.body)).toMatchObject({
      usage: { prompt_tokens: 4, prompt_tokens_details: { cached_tokens: 3 } },
    })
  })

  test('the router reports its cost unasked', async () => {
    const { heard } = await playing('cost', { on: 'openrouter' })
    expect(heard.headers['x-generation-id']).toMatch(/^gen-/)
    expect(events(heard).at(-2)).toContain('"cost":0.000423')
  })
})

describe('volume and content', () => {
  test('burst sends ten thousand chunks and counts them', async () => {
    const { heard, entry } = await playing('burst')
    expect(lines(heard)).toHaveLength(10_001)
    expect(entry).toMatchObject({ end: 'completed', completion_tokens: 10_001 })
  })

  test('text that looks like framing stays text', async () => {
    const inject = await playing('inject')
    for (const line of lines(inject.heard)) expect(JSON.parse(line)).toHaveProperty('done')
    const sse = await playing('inject', { on: 'openai' })
    expect(events(sse.heard).every((block) => block.startsWith('data: '))).toBe(true)
  })
})

describe('refusals', () => {
  test.each([
    ['no-model', 404, `{"error":"model 'sim-no-model' not found"}`],
    ['busy', 503, '{"error":"server busy, please try again.  maximum pending requests exceeded"}'],
    ['load-fail', 500, '{"error":"llama-server process has terminated: exit status 1"}'],
    ['bad-option', 500, '{"error":"option \\"temperature\\" must be of type float32"}'],
    ['forbidden-host', 403, ''],
    ['not-found-text', 404, '404 page not found'],
  ])('%s on Ollama is %i', async (name, status, text) => {
    const { heard, entry } = await playing(name)
    expect([heard.status, heard.body, entry.end]).toEqual([status, text, 'refused'])
  })

  test('rate lets some through, then names the wait', async () => {
    const { baseUrl } = sandbox.host('openai')
    await sandbox.host('openai').reset()
    const statuses: number[] = []
    let heard: Heard | undefined
    for (let turn = 0; turn < 3; turn++) {
      heard = await hear(`${baseUrl}${COMPATIBLE}`, bodyFor('rate@after=2', { stream: false }))
      statuses.push(heard.status)
    }
    expect(statuses).toEqual([200, 200, 429])
    expect(heard?.headers).toMatchObject({ 'retry-after': '2', 'x-ratelimit-remaining-requests': '0' })
  })

  test('flap fails every k-th request', async () => {
    await sandbox.host('ollama').reset()
    await sandbox.host('ollama').set('flap;k=3')
    const statuses: number[] = []
    for (let turn = 0; turn < 6; turn++)
      statuses.push((await hear(`${sandbox.host('ollama').baseUrl}/api/version`)).status)
    expect(statuses).toEqual([200, 200, 500, 200, 200, 500])
  })

  test('Anthropic errors wear their envelope', async () => {
    const { heard } = await playing('overloaded', { on: 'openai', path: ANTHROPIC })
    expect(heard.status).toBe(529)
    expect(JSON.parse(heard.body)).toMatchObject({ type: 'error', error: { type: 'overloaded_error' } })
  })
})
