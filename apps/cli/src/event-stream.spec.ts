import { Readable } from 'node:stream'
import type { IncomingMessage } from 'node:http'
import fc from 'fast-check'
import { eventsOf } from './event-stream'
import { textOf } from './http-exchange'

jest.setTimeout(120_000)

/** T17's figure. A failure prints seed and path: pass them to fc.assert. */
const CASES = 20_000

describe('the events that the command line reads', () => {
  const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.constantFrom('\n\ndata: [DONE]\n\n', '\u2028', '你好 🙂', '\ud800', ': comment', '\r'))
  const event = text.map((delta) => JSON.stringify({ delta }))

  it('are the same however the bytes are cut, comments and names between them', async () => {
    const noise = fc.constantFrom('', ': ping\n\n', 'event: progress\n')
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(noise, event), { maxLength: 8 }), fc.array(fc.nat(2_000), { maxLength: 12 }), async (events, places) => {
        const bytes = Buffer.from(`${events.map(([before, data]) => `${before}data: ${data}\n\n`).join('')}data: [DONE]\n\n`)
        const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
        const heard: string[] = []
        const response = Readable.from(at.slice(1).map((end, index) => bytes.subarray(at[index], end)).filter((chunk) => chunk.length > 0)) as unknown as IncomingMessage
        for await (const data of eventsOf(textOf('http://replay', response))) heard.push(data)
        expect(heard).toEqual([...events.map(([, data]) => data), '[DONE]'])
      }),
      { numRuns: CASES },
    )
  })
})
