import fc from 'fast-check'
import { backoffMs } from './backoff'
import { allowsTool, servesTier } from './mcp-server'
import { failureText, toolText } from './tool-result'

const of = (result: unknown, most = 10_000) => toolText(result, most).text

describe('results of tools as text', () => {
  it.each([
    [{ content: [{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }] }, 'a\nb'],
    [{ content: [], structuredContent: { t: 21 } }, '{"t":21}'],
    [{ content: [{ type: 'text', text: 'said' }], structuredContent: { t: 21 } }, 'said'],
    [{ content: [{ type: 'resource_link', name: 'report', uri: 'file:///r' }] }, 'report (file:///r)'],
    [{ content: [{ type: 'resource', resource: { uri: 'x:1', text: 'inner' } }] }, 'inner'],
    [{ content: [{ type: 'resource', resource: { uri: 'x:1', blob: 'AA' } }] }, '[x:1: not text]'],
    [{ content: [{ type: 'audio', mimeType: 'audio/wav', data: 'AA' }] }, '[audio audio/wav, not shown]'],
    [{ content: [{ type: 'text', text: 'no' }], isError: true }, 'The tool failed: no'],
    [{ content: 'odd' }, 'The tool gave no text.'],
    [null, 'The tool gave no text.'],
  ])('%j', (result, text) => expect(of(result)).toBe(text))

  it('are cut at the bytes allowed, never within a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), fc.integer({ min: 1, max: 200 }), (text, most) => {
        const cut = toolText({ content: [{ type: 'text', text: `${text}.` }] }, most)
        const whole = Buffer.byteLength(`${text}.`)
        expect([cut.isCut, cut.bytes]).toEqual([whole > most, whole])
        const [shown] = cut.text.split('\n[cut: ')
        if (cut.isCut) expect(Buffer.byteLength(shown!)).toBeLessThanOrEqual(most)
        expect(`${text}.`.startsWith(shown!) || text.includes('\n[cut: ')).toBe(true)
      }),
    )
  })

  it('have a form for our own words', () => expect(failureText('x')).toEqual({ text: 'The tool failed: x', isError: true, isCut: false, bytes: 18 }))
})

it('waits twice as long after each failure, a minute at most', () => expect([0, 1, 2, 3, 8, 1_000].map(backoffMs)).toEqual([0, 500, 1_000, 2_000, 60_000, 60_000]))

it('allows tools by name or beginning, and tiers by name', () => {
  const allowed = (tool: string) => allowsTool({ tools: ['read_*', 'list'] }, tool)
  expect([allowed('read_file'), allowed('list'), allowed('list_all'), allowed('write'), allowsTool({ tools: null }, 'write')]).toEqual([true, true, false, false, true])
  expect([servesTier({ tiers: ['pro'] }, 'pro'), servesTier({ tiers: ['pro'] }, 'free'), servesTier({ tiers: null }, 'free')]).toEqual([true, false, true])
})
