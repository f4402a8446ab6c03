import { connect } from 'node:net'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { atRest, usageRow } from './evidence'
import { SURFACES } from './surfaces'

jest.setTimeout(60_000)

const { url: redisUrl } = redisTargets().at(-1)!
const HOSTS = [
  ['ollama', 'llama3.2'],
  ['openai', 'gpt-4o-mini'],
  ['anthropic', 'claude-haiku-4-5'],
] as const
const HOSTILE = 'a\n\ndata: [DONE]\n\nevent: error\ndata: {"error":"no"}\n\n: c\r\n\r\ndata: {"done":true}\r{"done":true}\n\u2028\u2029\u0085\u0000\ufeff\u001b[2J \ud800 \\u0000 </script> 你好 🙂 id: 7 retry: 1\nend'

/** What reaches a client of a stream that breaks, by what its upstream did. */
const BREAKS = [
  ['err-line;after=3', 'upstream_error', 'w1 w2 w3'],
  ['garbage-mid;after=3', 'upstream_error', 'w1 w2 w3'],
  ['eof-mid;after=4', 'stream_incomplete', 'w1 w2 w3 w4'],
  ['reset-mid;after=4', 'stream_incomplete', 'w1 w2 w3 w4'],
  ['hang-mid;after=2', 'upstream_timeout', 'w1 w2'],
] as const

describe('the ear of these specs', () => {
  const ear = (path: string) => SURFACES.find((surface) => surface.path === path)!.hear

  it('does not take a break for an end, nor an event that only looks like one', () => {
    expect(ear('/chat')('data: {"delta":"a"}\n\n')).toMatchObject({ text: 'a', end: 'cut', terminals: 0 })
    expect(ear('/chat')('data: {"delta":"a"}\n\ndata: [DONE]')).toMatchObject({ end: 'cut' })
    expect(ear('/v1/chat/completions')('data: [DONE]\n\ndata: {"error":{"code":"x"}}\n\n')).toMatchObject({ end: 'error', code: 'x', terminals: 1 })
    expect(() => ear('/v1/messages')('event: ping\ndata: {"type":"message_stop"}\n\n')).toThrow('says it is')
    expect(() => ear('/v1/messages')('garbage\n\n')).toThrow('no field')
    expect(() => ear('/api/chat')('{"done":true}')).toThrow('without an end')
    expect(() => ear('/api/chat')('{"error":"x"}\n{"message":{"content":""},"done":true}\n')).toThrow('after an error')
  })
})

describe.each(HOSTS)('streams from a host of the %s dialect', (dialect, model) => {
  let stack: Stack
  let tenant: SeededTenant
  beforeAll(async () => {
    stack = await startStack({
      redisUrl,
      hosts: [{ name: 'host', region: 'us-east', dialect, models: [model], defaults: { gap: 0 } }],
      env: { OLLAMA_AUTO_HEALTH_CHECK: 'false', TOLLGATE_IDLE_TIMEOUT_MS: '500' },
    })
    tenant = await stack.addTenant({ tier: 'enterprise' })
  })
  afterEach(() => stack.sandbox.host('host').reset())
  afterAll(() => stack.stop())

  describe.each(SURFACES)('on $path', ({ path, type, body, hear }) => {
    const ask = (stream = true) => stack.post(path, tenant.key, body(model, stream))

    it('are whole with one terminal event, the last', async () => {
      const response = await ask()
      expect(response.headers.get('content-type')).toContain(type)
      expect(hear(await response.text())).toEqual({ text: 'w1 w2 w3 w4 w5 w6 w7 w8 w9 w10', end: 'whole', terminals: 1 })
    })

    it.each(BREAKS)('%s: what came, an error event, the end of the connection, and no terminal event', async (behaviour, code, text) => {
      await stack.sandbox.host('host').set(behaviour)
      const response = await ask()
      expect(response.status).toBe(200)
      expect(hear(await response.text())).toEqual({ text, end: 'error', code, terminals: 0 })
      expect(await usageRow(stack.owner, response.headers.get('x-request-id')!)).toMatchObject({ status: 'failed', error_code: code })
    })

    it('hold text that looks like framing as text, to the last character', async () => {
      await stack.sandbox.host('host').set({ name: 'ok', params: { text: HOSTILE } })
      expect(hear(await (await ask()).text())).toEqual({ text: HOSTILE, end: 'whole', terminals: 1 })
    })

    it('forward the first token while the second has not come', async () => {
      // One word, then silence for ever: whoever waits for more has nothing to pass on.
      await stack.sandbox.host('host').set('hang-mid;after=1')
      const leave = new AbortController()
      const reading = fetch(stack.url + path, { method: 'POST', signal: leave.signal, headers: { 'x-api-key': tenant.key, 'content-type': 'application/json' }, body: JSON.stringify(body(model, true)) })
      const reader = (await reading).body!.getReader()
      let text = ''
      while (!text.includes('w1')) text += Buffer.from((await reader.read()).value!).toString()
      expect(stack.sandbox.host('host').stats().active).toBe(1)
      leave.abort()
      await eventually(() => expect(stack.sandbox.host('host').stats().active).toBe(0))
    })
  })

  // The pausing of each dialect is the adapters' own contract; here it is the surfaces that wait.
  const waiting = dialect === 'openai' ? ['/v1/chat/completions', '/v1/responses', '/v1/messages', '/api/chat'] : ['/chat']
  it.each(waiting)('wait on %s for a reader that does not read, within bounded buffers', async (path) => {
    const { body } = SURFACES.find((surface) => surface.path === path)!
    const text = Array.from({ length: 3_000 }, (_, index) => `${index}-${'x'.repeat(8_000)}`).join(' ')
    await stack.sandbox.host('host').set({ name: 'ok', params: { text } })
    const payload = JSON.stringify(body(model, true, 10_000))
    const client = connect({ port: Number(new URL(stack.url).port), host: '127.0.0.1' })
    const upstream = () => stack.sandbox.host('host').log().at(-1)?.bytes ?? 0
    try {
      client.pause().write(`POST ${path} HTTP/1.1\r\nhost: gate\r\nx-api-key: ${tenant.key}\r\ncontent-type: application/json\r\ncontent-length: ${payload.length}\r\n\r\n${payload}`)
      const stalledAt = await eventually(async () => {
        const before = upstream()
        await new Promise((resolve) => setTimeout(resolve, 150))
        expect(before).toBeGreaterThan(0)
        expect(upstream()).toBe(before)
        return before
      })
      // The system's own buffers hold a few megabytes; the text has 24.
      expect(stalledAt).toBeLessThan(text.length * 0.8)
      expect(stack.sandbox.host('host').stats().active).toBe(1)
    } finally {
      client.destroy()
    }
    await eventually(() => expect(stack.sandbox.host('host').stats().active).toBe(0))
  })

  it('leave nothing reserved', () => atRest(redisUrl))
})
