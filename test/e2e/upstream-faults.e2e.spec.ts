import { redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { atRest, eventsIn, usageRow, type UsageRow } from './evidence'

const { url: redisUrl } = redisTargets().at(-1)!
const DIALECTS = [
  ['ollama', 'ollama-us', 'llama3.2'],
  ['openai', 'openai-eu', 'gpt-4o-mini'],
] as const
/** Words of the question, framed as the sandbox counts them: 3 a message, 1 a word. */
const PROMPT_TOKENS = 5

interface Fault {
  readonly behaviour: string
  /** What a call that wants one whole answer gets. */
  readonly status: number
  /** What a stream gets: a status before its first event, or `broken` after some. */
  readonly stream: number | 'broken'
  readonly code: string
  /** Where half a JSON body tells less than half a stream. */
  readonly wholeCode?: string
  /** The dialect it applies to; both without it. */
  readonly only?: 'ollama' | 'openai'
}

const FAULTS: Fault[] = [
  { behaviour: 'reset-first', status: 502, stream: 502, code: 'upstream_error' },
  { behaviour: 'hang-headers', status: 504, stream: 504, code: 'upstream_timeout' },
  { behaviour: 'blackhole', status: 504, stream: 504, code: 'upstream_timeout' },
  { behaviour: 'hang-mid;gap=1', status: 504, stream: 'broken', code: 'upstream_timeout' },
  { behaviour: 'reset-mid', status: 502, stream: 'broken', code: 'stream_incomplete' },
  { behaviour: 'eof-mid', status: 502, stream: 'broken', code: 'stream_incomplete', wholeCode: 'upstream_error' },
  { behaviour: 'err-line', status: 502, stream: 'broken', code: 'upstream_error' },
  { behaviour: 'err-event', status: 502, stream: 'broken', code: 'upstream_error' },
  { behaviour: 'err-200', status: 502, stream: 502, code: 'upstream_error' },
  { behaviour: 'garbage-mid', status: 502, stream: 'broken', code: 'upstream_error' },
  { behaviour: 'busy', status: 503, stream: 503, code: 'model_not_available' },
  { behaviour: 'rate;seconds=7', status: 503, stream: 503, code: 'model_not_available', only: 'openai' },
  { behaviour: 'http500', status: 502, stream: 502, code: 'upstream_error' },
  { behaviour: 'gateway-html', status: 502, stream: 502, code: 'upstream_error' },
  { behaviour: 'gateway-html;status=504', status: 504, stream: 504, code: 'upstream_timeout' },
  { behaviour: 'redirect', status: 502, stream: 502, code: 'upstream_error' },
  { behaviour: 'secret-echo', status: 502, stream: 502, code: 'upstream_error' },
  { behaviour: 'secret-echo;status=400', status: 400, stream: 400, code: 'upstream_rejected' },
  { behaviour: 'no-key', status: 502, stream: 502, code: 'upstream_error' },
  { behaviour: 'forbidden-host', status: 502, stream: 502, code: 'upstream_error' },
  { behaviour: 'gzip', status: 502, stream: 502, code: 'upstream_error' },
  { behaviour: 'long-line', status: 200, stream: 502, code: 'upstream_error', only: 'ollama' },
]

describe('an upstream at fault', () => {
  let stack: Stack
  let tenant: SeededTenant
  beforeAll(async () => {
    stack = await startStack({
      redisUrl,
      hosts: [
        { name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['llama3.2'], defaults: { gap: 0 } },
        { name: 'openai-eu', region: 'eu-west', dialect: 'openai', models: ['gpt-4o-mini'], defaults: { gap: 0 } },
      ],
      env: { OLLAMA_AUTO_HEALTH_CHECK: 'false', TOLLGATE_FIRST_BYTE_TIMEOUT_MS: '600', TOLLGATE_IDLE_TIMEOUT_MS: '400' },
    })
    tenant = await stack.addTenant({ tier: 'enterprise' })
  })
  afterEach(async () => {
    for (const host of stack.sandbox.hosts) {
      // A connection that a black hole swallowed must not serve the next case.
      await host.stop()
      await host.reset()
    }
  })
  afterAll(() => stack.stop())

  const ask = (model: string, stream: boolean) => stack.post('/chat', tenant.key, { message: 'one two', model, stream, max_tokens: 40 })

  /** What a refused or failed call must never show: keys, addresses, the upstream's own words. */
  function expectNoLeak(text: string): void {
    expect(text).not.toMatch(/127\.0\.0\.1|http:\/\/|sk-|Bearer|<html|nginx/)
    for (const host of stack.sandbox.hosts) expect(text).not.toContain(String(host.port))
  }

  function expectUnbilled(row: UsageRow, host: string, code: string): void {
    expect(row).toMatchObject({ status: 'failed', error_code: code, amount_pico: 0n, host, attempts: 1 })
  }

  describe.each(DIALECTS)('of the %s dialect', (dialect, host, model) => {
    const faults = FAULTS.filter(({ only }) => !only || only === dialect)

    it.each(faults)('$behaviour: a whole answer is refused with $status, not billed, nothing held', async ({ behaviour, status, code: streamCode, wholeCode }) => {
      const code = wholeCode ?? streamCode
      await stack.sandbox.host(host).set(behaviour)
      const response = await ask(model, false)
      const text = await response.text()
      expect({ status: response.status, text }).toEqual({ status, text: response.status === status ? text : '' })
      if (status === 200) return
      expectNoLeak(text)
      expect(JSON.parse(text)).toMatchObject({ code, request_id: expect.any(String) })
      if (status === 503) expect(response.headers.get('retry-after')).toBe(behaviour.startsWith('rate') ? '7' : '5')
      const row = await usageRow(stack.owner, response.headers.get('x-request-id')!)
      expectUnbilled(row, host, code)
      expect([row.prompt_tokens, row.completion_tokens]).toEqual([0, 0])
      await atRest(redisUrl)
    })

    it.each(faults)('$behaviour: a stream is refused or broken without [DONE], not billed, nothing held', async ({ behaviour, stream, code }) => {
      await stack.sandbox.host(host).set(behaviour)
      const response = await ask(model, true)
      const text = await response.text()
      expect({ status: response.status, text }).toEqual({ status: stream === 'broken' ? 200 : stream, text: expect.any(String) })
      expectNoLeak(text)
      expect(text).not.toContain('[DONE]')
      const row = await usageRow(stack.owner, response.headers.get('x-request-id')!)
      expectUnbilled(row, host, code)
      if (stream === 'broken') {
        const events = eventsIn(text) as { delta?: string; code?: string }[]
        expect(events.at(-1)).toMatchObject({ error: expect.any(String), code })
        // Tokens are exact although the tier does not charge for a cut stream: what was delivered, no more.
        expect(row).toMatchObject({ completion_tokens: events.length - 1, usage_source: 'estimated' })
        expect(row.prompt_tokens).toBeGreaterThan(0)
      } else expect(JSON.parse(text)).toMatchObject({ code })
      await atRest(redisUrl)
    })

    it.each(['negative', 'huge', 'text', 'fraction'])('usage that lies (%s) is estimated and flagged, never billed as told', async (kind) => {
      await stack.sandbox.host(host).set(`usage-wrong;kind=${kind}`)
      for (const stream of [false, true]) {
        const response = await ask(model, stream)
        expect(response.status).toBe(200)
        await response.text()
        const row = await usageRow(stack.owner, response.headers.get('x-request-id')!)
        expect(row).toMatchObject({ status: 'completed', usage_source: 'estimated', completion_tokens: 10 })
        expect(row.flags).toContain('usage_implausible')
        expect(row.prompt_tokens).toBeGreaterThan(0)
        expect(row.prompt_tokens).toBeLessThanOrEqual(PROMPT_TOKENS)
        expect(row.amount_pico).toBe(BigInt(row.prompt_tokens) * 1_000_000n + 10n * 2_000_000n)
      }
      await atRest(redisUrl)
    })

    it('no usage at all is estimated from what was delivered', async () => {
      await stack.sandbox.host(host).set('no-usage')
      const response = await ask(model, true)
      expect(await response.text()).toContain('[DONE]')
      const row = await usageRow(stack.owner, response.headers.get('x-request-id')!)
      expect(row).toMatchObject({ status: 'completed', usage_source: 'estimated', completion_tokens: 10 })
    })

    it('an endless answer is cut at max_tokens, and the upstream is stopped', async () => {
      await stack.sandbox.host(host).set('endless')
      const response = await ask(model, true)
      const events = eventsIn(await response.text())
      expect(events.at(-2)).toMatchObject({ done: true, finish_reason: 'length', usage: { completion_tokens: 40 } })
      expect(events.at(-1)).toBe('[DONE]')
      const row = await usageRow(stack.owner, response.headers.get('x-request-id')!)
      expect(row).toMatchObject({ status: 'completed', completion_tokens: 40, flags: expect.arrayContaining(['cut_at_max_tokens']) })
      expect(stack.sandbox.host(host).stats().active).toBe(0)
      await atRest(redisUrl)
    })

    it('text that looks like framing stays text', async () => {
      await stack.sandbox.host(host).set('inject')
      const events = eventsIn(await (await ask(model, true)).text()) as { delta?: string; done?: boolean }[]
      const text = events.map((event) => event.delta ?? '').join('')
      for (const hostile of ['data: [DONE]', '"done":true', 'event: error', '\u2028', '\u0000', '</script>']) expect(text).toContain(hostile)
      expect(events.filter((event) => event.done)).toHaveLength(1)
      expect(events.indexOf('[DONE]' as never)).toBe(events.length - 1)
    })
  })
})
