import fc from 'fast-check'
import type { ProviderAdapter } from './domain/adapter'
import type { FrameDecoder, OnFrame } from './domain/frame-decoder'
import { NdjsonDecoder } from './domain/ndjson-decoder'
import { SseDecoder } from './domain/sse-decoder'
import { AnthropicAdapter } from './anthropic.adapter'
import { OllamaAdapter } from './ollama.adapter'
import { OpenAiCompatibleAdapter } from './openai-compatible.adapter'
import { replayed, type Replay, type Told } from './scripted-replay'

jest.setTimeout(120_000)

/** T17's figure, for each framing and each adapter. A failure prints seed and path: pass them to fc.assert. */
const CASES = 20_000

/** Cuts bytes at the given places, wherever these fall. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end))
}

const HOSTILE = ['\n\ndata: [DONE]\n\n', 'data: [DONE]', 'event: error\n', '{"done":true}\n', '\r\n\r\n', '\r', '\u2028', '\u2029', '\u0000', ': comment', '\ufeff', '你好 🙂', '\ud800', '</script>', '\\', '"']
const text = fc.oneof(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }), fc.constantFrom(...HOSTILE))
const places = fc.array(fc.nat(3_000), { maxLength: 12 })
const lineEnd = fc.constantFrom('\n', '\r\n', '\r')

/** One thing an upstream says, whatever its dialect. */
type Saying =
  | { readonly kind: 'text' | 'thought'; readonly text: string }
  | { readonly kind: 'call'; readonly city: string }
  | { readonly kind: 'usage'; readonly count: unknown }
  | { readonly kind: 'noise' | 'error' | 'garbage' | 'end' }

const saying: fc.Arbitrary<Saying> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('text' as const, 'thought' as const), text }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('call' as const), city: text }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('usage' as const), count: fc.constantFrom<unknown>(0, 3, -1, 1.5, 'x', null, 1e12) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('noise' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('error' as const, 'garbage' as const, 'end' as const) }) },
)

interface Tongue {
  readonly provider: string
  readonly type: string
  readonly make: (...parts: ConstructorParameters<typeof OllamaAdapter>) => ProviderAdapter
  /** Frames of a saying; `n` numbers what needs a number. */
  say(saying: Saying, n: number): string
}

const json = JSON.stringify
const event = (fields: object) => `data: ${json(fields)}\n\n`
const named = (type: string, fields: object) => `event: ${type}\ndata: ${json({ type, ...fields })}\n\n`
const chunk = (delta: object, finish: string | null = null) => event({ choices: [{ index: 0, delta, finish_reason: finish }] })

function sayOllama(said: Saying): string {
  const line = (fields: object) => `${json({ model: 'm', ...fields })}\n`
  switch (said.kind) {
    case 'text': return line({ message: { role: 'assistant', content: said.text }, done: false })
    case 'thought': return line({ message: { role: 'assistant', content: '', thinking: said.text }, done: false })
    case 'call': return line({ message: { role: 'assistant', content: '', tool_calls: [{ function: { name: 'f', arguments: { city: said.city } } }] }, done: false })
    case 'usage': return line({ message: { content: '' }, done: true, done_reason: 'stop', prompt_eval_count: said.count, eval_count: 2 })
    case 'noise': return '\n'
    case 'error': return line({ error: 'boom' })
    case 'garbage': return '{bad\n'
    case 'end': return line({ message: { content: '' }, done: true, done_reason: 'stop', prompt_eval_count: 5, eval_count: 2 })
  }
}

function sayOpenAi(said: Saying, n: number): string {
  switch (said.kind) {
    case 'text': return chunk({ content: said.text })
    case 'thought': return chunk({ reasoning_content: said.text })
    case 'call': return chunk({ tool_calls: [{ index: n, id: `c${n}`, function: { name: 'f', arguments: '{"city":' } }] }) + chunk({ tool_calls: [{ index: n, function: { arguments: `${json(said.city)}}` } }] })
    case 'usage': return event({ choices: [], usage: { prompt_tokens: said.count, completion_tokens: 2, total_tokens: 7 } })
    case 'noise': return ': OPENROUTER PROCESSING\n\n'
    case 'error': return event({ error: { message: 'boom', code: 502 } })
    case 'garbage': return 'data: {bad\n\n'
    case 'end': return `${chunk({}, 'stop')}data: [DONE]\n\n`
  }
}

function sayAnthropic(said: Saying, n: number): string {
  const block = (begin: object, delta: object) => named('content_block_start', { index: n, content_block: begin }) + named('content_block_delta', { index: n, delta }) + named('content_block_stop', { index: n })
  switch (said.kind) {
    case 'text': return block({ type: 'text', text: '' }, { type: 'text_delta', text: said.text })
    case 'thought': return block({ type: 'thinking', thinking: '' }, { type: 'thinking_delta', thinking: said.text })
    case 'call': return block({ type: 'tool_use', id: `t${n}`, name: 'f', input: {} }, { type: 'input_json_delta', partial_json: json({ city: said.city }) })
    case 'usage': return named('message_start', { message: { model: 'm', content: [], usage: { input_tokens: said.count, output_tokens: 1 } } })
    case 'noise': return named('ping', {})
    case 'error': return named('error', { error: { type: 'overloaded_error', message: 'boom' } })
    case 'garbage': return 'event: content_block_delta\ndata: {bad\n\n'
    case 'end': return named('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } }) + named('message_stop', {})
  }
}

const TONGUES: Tongue[] = [
  { provider: 'ollama', type: 'application/x-ndjson', make: (...parts) => new OllamaAdapter(...parts), say: sayOllama },
  { provider: 'openai', type: 'text/event-stream', make: (...parts) => new OpenAiCompatibleAdapter(...parts), say: sayOpenAi },
  { provider: 'anthropic', type: 'text/event-stream', make: (...parts) => new AnthropicAdapter(...parts), say: sayAnthropic },
]

describe.each(TONGUES)('the events of $provider', ({ provider, type, make, say }) => {
  const tell = (replay: Omit<Replay, 'type'>) => replayed(make, provider, { type, ...replay })
  const seen = ({ sink, ...outcome }: Told) => ({ ...outcome, events: sink.events })
  const stream = (said: readonly Saying[], end: string) => said.map(say).join('').replaceAll('\n', end)

  it('are the same however the bytes are cut: what was said, spoilt or not, broken off or not', async () => {
    const spoil = fc.option(fc.tuple(fc.nat(3_000), fc.nat(255)), { freq: 5 })
    await fc.assert(
      fc.asyncProperty(fc.array(saying, { minLength: 1, maxLength: 8 }), lineEnd, fc.boolean(), fc.boolean(), spoil, places, async (said, end, hasBom, isBroken, spoilt, at) => {
        const bytes = Buffer.from((hasBom ? '\ufeff' : '') + stream(said, end))
        if (spoilt) bytes[spoilt[0] % bytes.length] = spoilt[1]
        const whole = await tell({ chunks: [bytes], isBroken })
        expect(seen(await tell({ chunks: cut(bytes, at), isBroken }))).toEqual(seen(whole))
        // Exactly one of the two ways to end.
        expect(whole.failure === null).toBe(whole.finishReason !== null)
      }),
      { numRuns: CASES },
    )
  })

  it('hold every word, in order, and nothing that only looks like an event', async () => {
    const plain = fc.array(fc.record({ kind: fc.constantFrom('text' as const, 'thought' as const), text }), { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(plain, lineEnd, fc.constantFrom<Saying['kind']>('end', 'noise'), places, async (said, end, last, at) => {
        const { sink, failure, finishReason } = await tell({ chunks: cut(Buffer.from(stream([...said, { kind: last } as Saying], end)), at) })
        expect(sink.events).toEqual(said.map((one) => ({ kind: one.kind === 'text' ? 'text' : 'reasoning', text: one.text, choice: 0 })))
        if (last === 'end') expect({ failure, finishReason }).toEqual({ failure: null, finishReason: 'stop' })
        else expect(failure).toMatchObject({ class: 'cut', code: 'stream_incomplete' })
      }),
      { numRuns: CASES / 10 },
    )
  })
})

describe.each<[string, (onFrame: OnFrame) => FrameDecoder]>([
  ['server-sent events', (onFrame) => new SseDecoder(onFrame, 256)],
  ['NDJSON', (onFrame) => new NdjsonDecoder(onFrame, 256)],
])('the frames of %s', (_name, make) => {
  function frames(chunks: readonly Buffer[]) {
    const seen: string[] = []
    const decoder = make((frame) => seen.push(frame) < 6)
    const states = chunks.map((chunk) => decoder.push(chunk))
    return { seen, state: states.includes('too_long') ? 'too_long' : decoder.end() }
  }
  const line = fc.oneof(
    text.map((value) => `data: ${value}`),
    text,
    fc.constantFrom('', 'data:', 'data', 'data: ', ':', ': ping', 'event: x', 'id: 7', 'retry: 1', 'dataset: no', `data: ${'x'.repeat(300)}`),
  )

  it('are the same however the bytes are cut, up to a stop and over the limit', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(line, lineEnd), { maxLength: 12 }), fc.boolean(), fc.option(fc.uint8Array({ maxLength: 8 })), places, (lines, hasBom, tail, at) => {
        const bytes = Buffer.concat([Buffer.from((hasBom ? '\ufeff' : '') + lines.flat().join('')), Buffer.from(tail ?? [])])
        const whole = frames([bytes])
        expect(frames(cut(bytes, at))).toEqual(whole)
        expect(frames([...bytes].map((byte) => Buffer.from([byte])))).toEqual(whole)
      }),
      { numRuns: CASES },
    )
  })
})
