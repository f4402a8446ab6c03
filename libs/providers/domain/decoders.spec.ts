import fc from 'fast-check'
import type { FrameDecoder, OnFrame } from './frame-decoder'
import { NdjsonDecoder } from './ndjson-decoder'
import { SseDecoder } from './sse-decoder'

function frames(make: (onFrame: OnFrame) => FrameDecoder, chunks: readonly Buffer[]): string[] {
  const seen: string[] = []
  const decoder = make((frame) => seen.push(frame) > 0)
  for (const chunk of chunks) decoder.push(chunk)
  decoder.end()
  return seen
}

/** Cuts bytes at the given places, wherever these fall. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end))
}

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.constantFrom('data: [DONE]\n\n', '{"done":true}\n', '\r\n\r\n', '\u2028', '\u0000', ': comment', 'event: error', '你好 🙂', '\ud800'),
)
const document = fc.record({ content: fc.array(text, { maxLength: 3 }).map((parts) => parts.join('')) }).map((value) => JSON.stringify(value))
const documents = fc.array(document, { minLength: 1, maxLength: 8 })
const places = fc.array(fc.nat(4_000), { maxLength: 30 })
const lineEnd = fc.constantFrom('\n', '\r\n', '\r')

describe('any split of the bytes gives the same frames', () => {
  it('of NDJSON, with any line ends, blank lines and a BOM', () => {
    fc.assert(
      fc.property(documents, lineEnd, fc.boolean(), fc.boolean(), places, (lines, end, hasBom, isClosed, at) => {
        const bytes = Buffer.from((hasBom ? '\ufeff' : '') + lines.join(`${end}${end}`) + (isClosed ? end : ''))
        expect(frames((onFrame) => new NdjsonDecoder(onFrame), cut(bytes, at))).toEqual(lines)
      }),
      { numRuns: 2_000 },
    )
  })

  it('of server-sent events, with comments, names, any line ends and several data lines', () => {
    const event = fc.record({ data: document, noise: fc.constantFrom('', ': OPENROUTER PROCESSING', ':', 'event: message', 'id: 7', 'retry: 10', 'database: no') })
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 8 }), lineEnd, fc.boolean(), fc.constantFrom('data:', 'data: '), places, (events, end, hasBom, field, at) => {
        const stream = events.map(({ data, noise }) => `${noise}${noise && end}${field}${data}${end}${end}`).join('')
        const bytes = Buffer.from((hasBom ? '\ufeff' : '') + stream)
        expect(frames((onFrame) => new SseDecoder(onFrame), cut(bytes, at))).toEqual(events.map(({ data }) => data))
      }),
      { numRuns: 2_000 },
    )
  })

  it('down to single bytes', () => {
    const bytes = Buffer.from('data: {"a":"héllo — 你好 🙂"}\r\n\r\ndata: [DONE]')
    const single = [...bytes].map((byte) => Buffer.from([byte]))
    expect(frames((onFrame) => new SseDecoder(onFrame), single)).toEqual(['{"a":"héllo — 你好 🙂"}', '[DONE]'])
  })
})

describe('server-sent events', () => {
  const sse = (stream: string | Buffer) => frames((onFrame) => new SseDecoder(onFrame), [Buffer.from(stream)])

  it('joins several data lines with LF', () => expect(sse('data: a\ndata:b\ndata\n\n')).toEqual(['a\nb\n']))
  it('counts an event that the end of the stream cut from its blank line', () => expect(sse('data: [DONE]')).toEqual(['[DONE]']))
  it('ignores empty events', () => expect(sse('\n\nevent: ping\n\ndata:\n\n')).toEqual([]))
  it('takes only one space after the colon', () => expect(sse('data:  x\n\n')).toEqual([' x']))
  it('replaces invalid UTF-8 instead of failing', () => expect(sse(Buffer.from([0x64, 0x61, 0x74, 0x61, 0x3a, 0xff, 0x0a, 0x0a]))).toEqual(['\ufffd']))
})

describe.each([
  ['NDJSON', (onFrame: OnFrame) => new NdjsonDecoder(onFrame, 100), ''],
  ['server-sent events', (onFrame: OnFrame) => new SseDecoder(onFrame, 100), 'data: '],
])('%s', (_name, make, prefix) => {
  it('refuses a line over the limit, whole or in pieces', () => {
    expect(make(() => true).push(Buffer.from(`${prefix}${'x'.repeat(101)}\n`))).toBe('too_long')
    const decoder = make(() => true)
    expect(decoder.push(Buffer.from(`${prefix}${'x'.repeat(60)}`))).toBe('open')
    expect(decoder.push(Buffer.from('x'.repeat(60)))).toBe('too_long')
    expect(decoder.push(Buffer.from('\n'))).toBe('too_long')
  })

  it('reads nothing after the reader stopped it', () => {
    const seen: string[] = []
    const decoder = make((frame) => seen.push(frame) < 2)
    expect(decoder.push(Buffer.from(`${prefix}1\n\n${prefix}2\n\n${prefix}3\n\n`))).toBe('stopped')
    expect(decoder.push(Buffer.from(`${prefix}4\n\n`))).toBe('stopped')
    expect(seen).toEqual(['1', '2'])
  })
})

it('refuses an event of many data lines over the limit', () => {
  expect(new SseDecoder(() => true, 100).push(Buffer.from('data: xxxxxxxxxxxxxxxxxxxx\n'.repeat(10)))).toBe('too_long')
})

it('spends linear time on many short lines and one CR far behind', () => {
  const chunk = Buffer.concat([Buffer.alloc(200_000, '\n'), Buffer.from('\r')])
  expect(new NdjsonDecoder(() => true).push(chunk)).toBe('open')
})
