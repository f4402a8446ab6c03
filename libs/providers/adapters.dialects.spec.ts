import { systemClock } from '@tollgate/platform/clock'
import { OutboundPools } from '@tollgate/platform/outbound'
import type { AttemptOutcome, ProviderAdapter } from './domain/adapter'
import { ProvidersService } from './providers.service'
import { callTo, Sink, type Overrides } from './scripted-call'
import { ANTHROPIC_SPEECH, OLLAMA_SPEECH, OPENAI_SPEECH, OPENROUTER_SPEECH } from './scripted-speech'
import { ScriptedUpstream, streamed, type Behaviour, type Speech } from './scripted-upstream'

const COUNTS = { prompt: 21, completion: 11 }
const chunk = (fields: object) => `data: ${JSON.stringify(fields)}\n\n`
const named = (type: string, fields: object) => `event: ${type}\n${chunk({ type, ...fields })}`

/** What only one of the two dialects can do, or what depends on how a behaviour is timed. */
const BEHAVIOURS: Record<string, Behaviour> = {
  ok: streamed((speech) => [speech.word('a'), speech.ending(COUNTS)]),
  'json-for-stream': ({ res, speech }) => res.writeHead(200, { 'content-type': 'application/json' }).end(speech.whole('all', COUNTS)),
  'stream-for-json': streamed((speech) => [speech.word('a'), speech.word('b'), speech.ending(COUNTS)]),
  'over-limit': ({ res, speech }) => res.writeHead(200, { 'content-type': 'application/json' }).end(speech.whole('all', { prompt: 1, completion: 101 })),
  'done-open': streamed((speech) => [speech.word('a'), speech.ending(COUNTS)], () => {}),
  pings: ({ res }) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    const timer = setInterval(() => res.write(': OPENROUTER PROCESSING\n\n'), 10)
    res.on('close', () => clearInterval(timer))
  },
  'ping-then-ok': ({ res, speech }) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write(': OPENROUTER PROCESSING\n\n')
    res.end(`\n\n${speech.word('a')}:\n\n${speech.ending(COUNTS)}`)
  },
  'eof-mid': streamed((speech) => [speech.word('a')]),
  'tool-cut': ({ res }) =>
    res.writeHead(200, { 'content-type': 'text/event-stream' }).end(
      chunk({ choices: [{ index: 0, delta: { tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: '{"city":' } }] } }] }) +
        chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] }) + 'data: [DONE]\n\n',
    ),
  'block-cut': ({ res, speech }) =>
    res.writeHead(200, { 'content-type': 'text/event-stream' }).end(
      named('content_block_start', { index: 0, content_block: { type: 'tool_use', id: 'a', name: 'f', input: {} } }) + named('content_block_delta', { index: 0, delta: { type: 'input_json_delta', partial_json: '{"city":' } }) + speech.ending(COUNTS, 'tool_use'),
    ),
  'done-only': ({ res, speech }) => res.writeHead(200, { 'content-type': 'text/event-stream' }).end(`${speech.word('a')}data: [DONE]`),
  'short-body': ({ res, speech }) => {
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': '5000' }).write(speech.whole('all', COUNTS))
    setTimeout(() => res.socket!.end(), 20)
  },
  'late-whole': ({ res, speech }) => void setTimeout(() => res.writeHead(200, { 'content-type': 'application/json' }).end(speech.whole('all', COUNTS)), 80),
  hang: () => {},
  'late-reset': ({ res }) => void setTimeout(() => res.socket!.resetAndDestroy(), 1_100),
  'named-twice': ({ res, speech }) => res.writeHead(200, { 'content-type': 'text/event-stream', 'x-generation-id': 'gen-of-the-header' }).end(speech.word('a') + speech.ending(COUNTS)),
  'named-oddly': ({ res, speech }) => res.writeHead(200, { 'content-type': 'text/event-stream' }).end((speech.word('a') + speech.ending(COUNTS)).replaceAll('"gen-1"', '"gen 1&id=2"')),
  renamed: ({ res, speech }) => res.writeHead(200, { 'content-type': 'application/json' }).end(speech.whole('all', COUNTS).replace('"model":"ok"', '"model":"other"')),
}

const pools = new OutboundPools({ allowedCidrs: [], allowLoopback: true, allowedPorts: [] })
const providers = new ProvidersService(pools, systemClock)
const upstreams = new Map<Speech, ScriptedUpstream>()

beforeAll(async () => {
  for (const speech of [OLLAMA_SPEECH, OPENAI_SPEECH, OPENROUTER_SPEECH, ANTHROPIC_SPEECH]) upstreams.set(speech, await ScriptedUpstream.start(speech, BEHAVIOURS))
})
afterAll(async () => {
  for (const upstream of upstreams.values()) await upstream.stop()
  await pools.closeAll()
})

async function chat(speech: Speech, model: string, over: Overrides = {}): Promise<AttemptOutcome & { sink: Sink }> {
  const adapter: ProviderAdapter = providers.adapterFor(speech.provider)!
  const sink = new Sink()
  return { ...(await adapter.chat(callTo(upstreams.get(speech)!.baseUrl, speech.provider, model, over), sink)), sink }
}
const failureOf = async (...call: Parameters<typeof chat>) => (await chat(...call)).failure

describe.each([OLLAMA_SPEECH, OPENAI_SPEECH])('$provider', (speech) => {
  it('takes JSON where a stream was asked for, and the reverse', async () => {
    expect(await chat(speech, 'json-for-stream')).toMatchObject({ finishReason: 'stop', pushedEvents: 1, usage: { completionTokens: 11 } })
    const { sink, ...outcome } = await chat(speech, 'stream-for-json', { stream: false })
    expect(outcome).toMatchObject({ finishReason: 'stop', pushedEvents: 2 })
    expect(sink.text).toBe('ab')
  })

  it('gives a whole answer time to be written, but not for ever', async () => {
    expect(await chat(speech, 'late-whole', { stream: false, limits: { firstByteMs: 40, idleMs: 50 } })).toMatchObject({ finishReason: 'stop' })
    expect(await failureOf(speech, 'hang', { stream: false, limits: { firstByteMs: 10, idleMs: 10 } })).toMatchObject({ class: 'ambiguous', cause: 'first byte timeout' })
  })

  it('flags a whole answer over the limit', async () => {
    expect(await chat(speech, 'over-limit', { stream: false })).toMatchObject({ failure: null, flags: expect.arrayContaining(['over_max_tokens']) })
  })

  it('finishes at once when the upstream leaves a finished answer open, and closes it soon', async () => {
    const startedMs = systemClock.monotonicMs()
    expect(await chat(speech, 'done-open')).toMatchObject({ finishReason: 'stop', usage: { promptTokens: 21 } })
    expect(systemClock.monotonicMs() - startedMs).toBeLessThan(500)
    await upstreams.get(speech)!.requests.at(-1)!.closed
  })

  it('fails on a body shorter than announced', async () => {
    expect(await failureOf(speech, 'short-body', { stream: false })).toMatchObject({ class: 'ambiguous', code: 'stream_incomplete' })
  })

  it('does not take a reset of a request that was being worked on for a stale connection', async () => {
    await chat(speech, 'ok')
    const before = upstreams.get(speech)!.requests.length
    expect(await failureOf(speech, 'late-reset')).toMatchObject({ class: 'ambiguous', blames: 'host' })
    expect(upstreams.get(speech)!.requests).toHaveLength(before + 1)
  })

  it('ends with an outcome for a base URL that is none', async () => {
    const { target } = callTo('nonsense', speech.provider, 'ok')
    expect(await failureOf(speech, 'ok', { target })).toMatchObject({ class: 'misconfigured', cause: 'not sendable: ERR_INVALID_URL' })
    const spoilt = { ...callTo(upstreams.get(speech)!.baseUrl, speech.provider, 'ok').target, secret: 'a\nb' }
    expect(await failureOf(speech, 'ok', { target: spoilt })).toMatchObject({ class: 'misconfigured' })
  })
})

describe('Ollama', () => {
  it('finishes with tool_calls when the last line has calls', async () => {
    const { sink, ...outcome } = await chat(OLLAMA_SPEECH, 'tool-final')
    expect(outcome).toMatchObject({ finishReason: 'tool_calls', failure: null })
    expect(sink.events).toEqual([{ kind: 'tool_call', choice: 0, index: 0, id: 'T5Q2', name: 'get_weather', arguments: '{"city":"Paris"}' }])
  })

  it('does not show the loading of a model as an answer', async () => {
    expect(await failureOf(OLLAMA_SPEECH, 'load')).toMatchObject({ class: 'ambiguous', cause: 'done_reason load is not an answer' })
  })

  it("makes a wrong option the caller's fault", async () => {
    expect(await failureOf(OLLAMA_SPEECH, 'bad-option')).toMatchObject({ class: 'caller', words: { reason: 'option "temperature" must be of type float32' } })
  })

  it('refuses what it cannot translate without sending anything', async () => {
    const before = upstreams.get(OLLAMA_SPEECH)!.requests.length
    const request = { ...callTo('', 'ollama', 'ok').request, messages: [{ role: 'user' as const, content: [{ type: 'image_url', image_url: { url: 'http://x/y.png' } }] }] }
    expect(await failureOf(OLLAMA_SPEECH, 'ok', { request })).toMatchObject({ class: 'caller', code: 'upstream_rejected' })
    expect(upstreams.get(OLLAMA_SPEECH)!.requests).toHaveLength(before)
  })

  it('flags an answer of another model', async () => {
    expect(await chat(OLLAMA_SPEECH, 'renamed')).toMatchObject({ servedModel: 'other', flags: ['model_differs'] })
  })
})

describe('OpenAI-compatible', () => {
  it.each(['eof-nodone', 'done-only', 'ping-then-ok'])('completes with one terminal marker: %s', async (model) => {
    expect(await chat(OPENAI_SPEECH, model)).toMatchObject({ finishReason: 'stop', failure: null })
  })

  it('waits briefly for usage after the finish reason, then is content', async () => {
    expect(await chat(OPENAI_SPEECH, 'left-open', { limits: { idleMs: 60 } })).toMatchObject({ finishReason: 'stop', failure: null, usage: null })
  })

  it('the usage of an answer that is whole when its time runs out still counts', async () => {
    expect(await chat(OPENAI_SPEECH, 'usage-late', { limits: { totalMs: 100 } })).toMatchObject({ finishReason: 'stop', failure: null, usage: { promptTokens: 21, completionTokens: 11 } })
  })

  it('is not kept alive for ever by comments', async () => {
    expect(await failureOf(OPENAI_SPEECH, 'pings', { limits: { idleMs: 50 } })).toMatchObject({ class: 'ambiguous', cause: 'idle timeout' })
  })

  it('reads an error inside a 200 JSON answer, streamed or not', async () => {
    for (const stream of [true, false]) expect(await failureOf(OPENAI_SPEECH, 'err-200', { stream })).toMatchObject({ class: 'ambiguous', cause: 'error 502 in 200 answer' })
  })

  it('does not pass a tool call off as whole that was cut short', async () => {
    expect(await failureOf(OPENAI_SPEECH, 'tool-cut')).toMatchObject({ class: 'cut', cause: 'tool call cut short' })
  })
})

describe('OpenRouter', () => {
  const namesOf = async (speech: Speech, model: string, over: Overrides = {}) => {
    const names: string[] = []
    const { failure } = await chat(speech, model, { ...over, onGeneration: (name) => names.push(name) })
    return { names, isWhole: failure === null }
  }

  it.each([
    ['named-twice', {}, ['gen-of-the-header']],
    ['ok', {}, ['gen-1']],
    ['json-for-stream', { stream: false }, ['chatcmpl-1']],
    // It would be part of an address.
    ['named-oddly', {}, []],
  ])('%s %j: what it can be asked for afterwards is told once: %j', async (model, over, names) => {
    expect(await namesOf(OPENROUTER_SPEECH, model, over)).toEqual({ names, isWhole: true })
  })

  it('is named before its answer breaks; others name nothing that anybody could ask for', async () => {
    expect(await namesOf(OPENROUTER_SPEECH, 'tool-cut')).toEqual({ names: [], isWhole: false })
    expect(await namesOf(OPENROUTER_SPEECH, 'eof-mid')).toEqual({ names: ['gen-1'], isWhole: false })
    expect(await namesOf(OPENAI_SPEECH, 'ok')).toEqual({ names: [], isWhole: true })
  })
})

describe('the registry', () => {
  it('knows its providers and no others', () => {
    expect(providers.known.has('ollama') && providers.known.has('openrouter') && providers.known.has('llamacpp')).toBe(true)
    expect(providers.known.has('anthropic')).toBe(true)
    expect(providers.adapterFor('bedrock')).toBeNull()
    expect(providers.adapterFor('constructor')).toBeNull()
  })
})

describe('anthropic', () => {
  it('does not pass a tool call off as whole that was cut short', async () => {
    expect(await failureOf(ANTHROPIC_SPEECH, 'block-cut')).toMatchObject({ class: 'cut', cause: 'tool call cut short' })
  })

  it('counts cached tokens as parts of the prompt, and the last count of the completion', async () => {
    expect(await chat(ANTHROPIC_SPEECH, 'cached')).toMatchObject({ usage: { promptTokens: 110, completionTokens: 9, cachedTokens: 100, cacheWriteTokens: 7, source: 'provider' } })
  })

  it('an overloaded host says so inside a 200 stream: another host is tried', async () => {
    expect(await failureOf(ANTHROPIC_SPEECH, 'overloaded')).toMatchObject({ class: 'refused', code: 'model_not_available', blames: 'host' })
  })

  it('thinking, and two tools of which one takes nothing', async () => {
    const { sink, ...outcome } = await chat(ANTHROPIC_SPEECH, 'tool-think')
    expect(outcome).toMatchObject({ finishReason: 'tool_calls', failure: null })
    const calls = sink.events.filter((event) => event.kind === 'tool_call') as { index: number; id?: string; name?: string; arguments?: string }[]
    expect(sink.events[0]).toEqual({ kind: 'reasoning', text: 'hm', choice: 0 })
    expect(calls.filter(({ id }) => id)).toMatchObject([{ index: 0, id: 'toolu_1', name: 'get_weather' }, { index: 1, id: 'toolu_2', name: 'now' }])
    expect(calls.filter(({ index }) => index === 0).map((call) => call.arguments).join('')).toBe('{"city":"Paris"}')
  })
})
