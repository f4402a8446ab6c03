import { gzipSync } from 'node:zlib'
import { systemClock } from '@tollgate/platform/clock'
import { OutboundPools } from '@tollgate/platform/outbound'
import type { AttemptOutcome, ProviderAdapter, UpstreamCall } from './domain/adapter'
import { OllamaAdapter } from './ollama.adapter'
import { OpenAiCompatibleAdapter } from './openai-compatible.adapter'
import { callTo, SECRET, Sink, type Overrides } from './scripted-call'
import { AnthropicAdapter } from './anthropic.adapter'
import { ANTHROPIC_SPEECH, OLLAMA_SPEECH, OPENAI_SPEECH, OPENROUTER_SPEECH } from './scripted-speech'
import { answer, endless, ScriptedUpstream, streamed, type Behaviour, type Speech } from './scripted-upstream'

const TEXT = 'héllo — 你好 🙂 data: [DONE]\n\ndata: x {"done":true}\u2028\u0000'
const WORDS = ['h', 'éllo — ', '你好 ', '🙂 data: [DONE]\n\n', 'data: x {"done":true}\u2028\u0000']
const COUNTS = { prompt: 21, completion: 11 }

const five = (speech: Speech) => WORDS.map((word) => speech.word(word))
const refuse = (status: number, headers: Record<string, string> = {}): Behaviour => ({ res, speech }) =>
  res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(speech.errorBody('busy'))

const BEHAVIOURS: Record<string, Behaviour> = {
  ok: (scene) => {
    if (scene.body.stream === false) scene.res.writeHead(200, { 'content-type': 'application/json' }).end(scene.speech.whole(TEXT, COUNTS))
    else streamed((speech) => [...five(speech), speech.ending(COUNTS)])(scene)
  },
  split: ({ res, speech }) => {
    res.writeHead(200, { 'content-type': speech.streamType })
    const bytes = Buffer.from(five(speech).join('') + speech.ending(COUNTS))
    for (let i = 0; i < bytes.length; i++) res.write(bytes.subarray(i, i + 1))
    res.end()
  },
  'no-usage': (scene) => {
    if (scene.body.stream === false) scene.res.writeHead(200, { 'content-type': 'application/json' }).end(scene.speech.whole(TEXT, null))
    else streamed((speech) => [...five(speech), speech.ending(null)])(scene)
  },
  length: streamed((speech) => [speech.word('a'), speech.ending(COUNTS, 'length')]),
  'hang-headers': () => {},
  'hang-start': ({ res, speech }) => res.writeHead(200, { 'content-type': speech.streamType }).flushHeaders(),
  'hang-mid': streamed(five, () => {}),
  'reset-first': ({ res }) => void res.socket!.resetAndDestroy(),
  'reset-mid': streamed(five, (res) => void setTimeout(() => res.socket!.resetAndDestroy(), 50)),
  'eof-mid': streamed(five),
  empty: streamed(() => []),
  'err-line': streamed((speech) => [...five(speech), speech.errorFrame('an error was encountered while running the model: unexpected EOF')]),
  'err-first': streamed((speech) => [speech.errorFrame('boom')]),
  'garbage-mid': streamed((speech) => [speech.word('a'), speech.provider === 'ollama' ? '{bad\n' : 'data: {bad\n\n']),
  'long-line': streamed((speech) => [speech.word('x'.repeat(2 * 1024 * 1024))]),
  endless,
  busy: refuse(503),
  rate: refuse(429, { 'retry-after': '2' }),
  'rate-ms': refuse(429, { 'retry-after-ms': '150' }),
  'rate-far': refuse(429, { 'retry-after': '999999' }),
  'rate-garbage': refuse(429, { 'retry-after': 'soon' }),
  unauthorised: refuse(401),
  http500: answer(500, 'text/html', '<html><body>secret stack</body></html>'),
  html: answer(200, 'text/html', '<html>hello</html>'),
  redirect: answer(307, 'text/plain', '', { location: 'http://169.254.169.254/latest/meta-data' }),
  gzip: ({ res, speech }) => res.writeHead(200, { 'content-type': speech.streamType, 'content-encoding': 'gzip' }).end(gzipSync('{}')),
  'secret-echo': ({ res, speech }) =>
    res.writeHead(400, { 'content-type': 'application/json' }).end(speech.errorBody(`key ${SECRET} at http://10.1.2.3:11434/api is wrong for "secret-echo" in /root/.ollama/models/blobs ${'x'.repeat(400)}`)),
}

describe.each([
  { speech: OLLAMA_SPEECH, make: (pools: OutboundPools): ProviderAdapter => new OllamaAdapter(pools, systemClock) },
  { speech: OPENAI_SPEECH, make: (pools: OutboundPools): ProviderAdapter => new OpenAiCompatibleAdapter(pools, systemClock) },
  { speech: OPENROUTER_SPEECH, make: (pools: OutboundPools): ProviderAdapter => new OpenAiCompatibleAdapter(pools, systemClock) },
  { speech: ANTHROPIC_SPEECH, make: (pools: OutboundPools): ProviderAdapter => new AnthropicAdapter(pools, systemClock) },
])('adapter contract: $speech.provider', ({ speech, make }) => {
  let upstream: ScriptedUpstream
  let pools: OutboundPools
  let adapter: ProviderAdapter

  beforeAll(async () => {
    upstream = await ScriptedUpstream.start(speech, BEHAVIOURS)
    pools = new OutboundPools({ allowedCidrs: [], allowLoopback: true, allowedPorts: [] })
    adapter = make(pools)
  })
  afterAll(async () => {
    await upstream.stop()
    await pools.closeAll()
  })

  const call = (model: string, over: Overrides = {}): UpstreamCall => callTo(upstream.baseUrl, speech.provider, model, over)
  const chat = async (model: string, over: Overrides = {}): Promise<AttemptOutcome & { sink: Sink }> => {
    const sink = new Sink()
    return { ...(await adapter.chat(call(model, over), sink)), sink }
  }

  it.each(['ok', 'split'])('gives text and usage of a stream: %s', async (model) => {
    const { sink, ...outcome } = await chat(model)
    expect(outcome).toMatchObject({ finishReason: 'stop', failure: null, pushedEvents: 5, usage: { promptTokens: 21, completionTokens: 11, source: 'provider' } })
    expect(sink.text).toBe(TEXT)
  })

  it('asks without a stream when the caller does, and pushes the text once', async () => {
    const { sink, ...outcome } = await chat('ok', { stream: false })
    expect(outcome).toMatchObject({ finishReason: 'stop', failure: null, pushedEvents: 1, usage: { promptTokens: 21, completionTokens: 11 } })
    expect(sink.events).toEqual([{ kind: 'text', text: TEXT, choice: 0 }])
    expect(upstream.requests.at(-1)!.body.stream).toBe(false)
  })

  it('sends only its own headers, the limit, and the path it owns', async () => {
    await chat('ok')
    const { headers, body, path } = upstream.requests.at(-1)!
    expect(path).toBe(speech.path)
    const credential = speech.provider === 'anthropic' ? { 'anthropic-version': '2023-06-01', 'x-api-key': SECRET } : { authorization: `Bearer ${SECRET}` }
    expect(Object.keys(headers).sort()).toEqual([...Object.keys(credential), 'accept', 'accept-encoding', 'connection', 'content-length', 'content-type', 'host', 'user-agent', 'x-request-id'].sort())
    expect(headers).toMatchObject({ 'accept-encoding': 'identity', 'user-agent': 'tollgate', ...credential })
    expect((body.options as Record<string, unknown> | undefined)?.num_predict ?? body.max_completion_tokens ?? body.max_tokens).toBe(100)
  })

  it('leaves usage open when there is none', async () => {
    expect(await chat('no-usage')).toMatchObject({ finishReason: 'stop', failure: null, usage: null, pushedEvents: 5, rawUsage: null })
    expect(await chat('no-usage', { stream: false })).toMatchObject({ finishReason: 'stop', usage: null, pushedEvents: 1 })
  })

  it('keeps the last of running totals and refuses implausible ones', async () => {
    expect(await chat('usage-every')).toMatchObject({ usage: { promptTokens: 5, completionTokens: 2 } })
    expect(await chat('usage-wrong')).toMatchObject({ usage: null, flags: expect.arrayContaining(['usage_implausible']), reported: { completionTokens: 2, promptTokens: null } })
  })

  it('keeps the finish reason length', async () => {
    expect(await chat('length')).toMatchObject({ finishReason: 'length', failure: null })
  })

  it('cuts an upstream that ignores max_tokens', async () => {
    const { sink, ...outcome } = await chat('endless', { maxTokens: 7 })
    expect(outcome).toMatchObject({ finishReason: 'length', failure: null, usage: null, pushedEvents: 7, flags: expect.arrayContaining(['cut_at_max_tokens']) })
    expect(sink.events).toHaveLength(7)
    await upstream.requests.at(-1)!.closed
  })

  it('closes the upstream when the client leaves', async () => {
    const leaving = new AbortController()
    const sink = new Sink()
    sink.onFirst = () => leaving.abort()
    const startedMs = systemClock.monotonicMs()
    const outcome = await adapter.chat(call('hang-mid', { signal: leaving.signal }), sink)
    await upstream.requests.at(-1)!.closed
    expect(outcome.failure).toMatchObject({ class: 'aborted', code: 'client_closed', blames: 'nobody' })
    expect(systemClock.monotonicMs() - startedMs).toBeLessThan(1_000)
  })

  it('does not send anything for a client that has left already', async () => {
    const before = upstream.requests.length
    expect((await chat('ok', { signal: AbortSignal.abort() })).failure).toMatchObject({ class: 'aborted' })
    expect(upstream.requests).toHaveLength(before)
  })

  it.each([
    ['hang-headers', { firstByteMs: 60 }, { class: 'ambiguous', code: 'upstream_timeout', blames: 'host', cause: 'first byte timeout' }],
    ['hang-start', { firstByteMs: 60 }, { class: 'ambiguous', code: 'upstream_timeout', blames: 'host', cause: 'first byte timeout' }],
    ['hang-mid', { idleMs: 60 }, { class: 'cut', code: 'upstream_timeout', blames: 'host', cause: 'idle timeout' }],
    ['endless', { totalMs: 150 }, { class: 'cut', code: 'upstream_timeout', blames: 'nobody', cause: 'total timeout' }],
    ['reset-first', {}, { class: 'ambiguous', code: 'upstream_error', blames: 'host' }],
    ['reset-mid', {}, { class: 'cut', code: 'stream_incomplete', blames: 'host' }],
    ['eof-mid', {}, { class: 'cut', code: 'stream_incomplete', blames: 'host' }],
    ['empty', {}, { class: 'ambiguous', code: 'stream_incomplete', blames: 'host' }],
    ['err-line', {}, { class: 'cut', code: 'upstream_error', blames: 'host' }],
    ['err-first', {}, { class: 'ambiguous', code: 'upstream_error', blames: 'host' }],
    ['garbage-mid', {}, { class: 'cut', code: 'upstream_error', blames: 'host' }],
    ['long-line', {}, { class: 'ambiguous', code: 'upstream_error', cause: 'line over 1 MiB' }],
    ['no-model', {}, { class: 'refused', code: 'model_not_available', blames: 'deployment', words: { model: 'public' } }],
    ['busy', {}, { class: 'refused', blames: 'host', retryAfterMs: null }],
    ['rate', {}, { class: 'refused', blames: 'nobody', retryAfterMs: 2_000 }],
    ['rate-ms', {}, { class: 'refused', retryAfterMs: 150 }],
    ['rate-far', {}, { class: 'refused', retryAfterMs: 3_600_000 }],
    ['rate-garbage', {}, { class: 'refused', retryAfterMs: null }],
    ['unauthorised', {}, { class: 'misconfigured', code: 'upstream_error' }],
    ['http500', {}, { class: 'ambiguous', code: 'upstream_error', blames: 'host', words: {} }],
    ['html', {}, { class: 'ambiguous', code: 'upstream_error', cause: 'content type text/html' }],
    ['redirect', {}, { class: 'misconfigured', cause: 'redirect 307' }],
    ['gzip', {}, { class: 'ambiguous', cause: 'encoded body' }],
  ])('fails as it should: %s', async (model, limits, failure) => {
    const outcome = await chat(model, { limits, maxTokens: 1_000_000 })
    expect(outcome.failure).toMatchObject(failure)
    expect(outcome.finishReason).toBeNull()
  })

  it('scrubs what an upstream says about a refused request', async () => {
    const { failure } = await chat('secret-echo')
    expect(failure).toMatchObject({ class: 'caller', code: 'upstream_rejected', blames: 'nobody' })
    const reason = String(failure!.words.reason)
    expect(reason.length).toBeLessThanOrEqual(200)
    expect(reason).not.toMatch(/sk-live|10\.1|http:|\.ollama|secret-echo/)
  })

  it('does not dispatch to a port nobody listens on, or an address the policy refuses', async () => {
    const target = call('ok').target
    const closed = await adapter.chat(call('ok', { target: { ...target, hostId: 'h2', baseUrl: 'http://127.0.0.1:1' } }), new Sink())
    expect(closed.failure).toMatchObject({ class: 'not_dispatched', blames: 'host', cause: 'connect ECONNREFUSED' })
    const inside = await adapter.chat(call('ok', { target: { ...target, hostId: 'h3', baseUrl: 'http://169.254.169.254' } }), new Sink())
    expect(inside.failure).toMatchObject({ class: 'misconfigured' })
  })

  it('retries once, unseen, when a kept connection was stale', async () => {
    await chat('ok')
    // A connection is free a turn after its answer.
    await new Promise(setImmediate)
    const requests = upstream.requests.length
    BEHAVIOURS.stale = (scene) => (upstream.requests.length === requests + 1 ? BEHAVIOURS['reset-first']!(scene) : BEHAVIOURS.ok!(scene))
    const { sink, ...outcome } = await chat('stale')
    expect(outcome).toMatchObject({ finishReason: 'stop', failure: null, flags: expect.arrayContaining(['retried_stale_connection']) })
    expect(sink.text).toBe(TEXT)
  })

  it('does not fail with a kept connection that dies as it is given to the next call', async () => {
    for (let round = 0; round < 10; round++) {
      // Two calls at once leave two connections behind; one of them is taken up while the other side resets both.
      await Promise.all([chat('ok'), chat('ok')])
      upstream.dropConnections()
      // The reset arrives within a few turns; the call may come before, amid or after them.
      for (let turn = 0; turn < round; turn++) await new Promise(setImmediate)
      expect(await chat('ok')).toMatchObject({ finishReason: 'stop', failure: null })
    }
  })

  it('reuses connections', async () => {
    const before = upstream.connectionCount
    for (let i = 0; i < 20; i++) await chat('ok')
    expect(upstream.connectionCount - before).toBeLessThanOrEqual(2)
  })

  it('holds the upstream while the reader is slow, without blaming it for silence', async () => {
    const sink = new Sink()
    sink.accepts = false
    const done = adapter.chat(call('endless', { maxTokens: 20_000, limits: { idleMs: 140 } }), sink)
    await new Promise<void>((first) => (sink.onFirst = first))
    const log = upstream.requests.at(-1)!
    await log.stalled
    expect(sink.events.length).toBeLessThan(1_000)
    expect(log.writtenBytes).toBeLessThan(16 * 1024 * 1024)
    sink.accepts = true
    sink.resume!()
    expect(await done).toMatchObject({ finishReason: 'length', pushedEvents: 20_000 })
  })
})
