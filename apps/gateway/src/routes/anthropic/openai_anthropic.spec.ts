import fc from 'fast-check'
import type { ChatEvent } from '@tollgate/kernel'
import { anthropicUsage, MessageBlocks, stopReasonOf, type MessageEvent } from './openai_anthropic'

const text = (words: string): ChatEvent => ({ kind: 'text', text: words, choice: 0 })
const thought = (words: string): ChatEvent => ({ kind: 'reasoning', text: words, choice: 0 })
const call = (index: number, args: string, head: { id?: string; name?: string } = {}): ChatEvent => ({ kind: 'tool_call', choice: 0, index, arguments: args, ...head })

function told(events: readonly ChatEvent[]) {
  const sent: MessageEvent[] = []
  const blocks = new MessageBlocks((event) => sent.push(event) > 0)
  for (const event of events) blocks.push(event)
  blocks.finish()
  return { sent, content: blocks.content }
}

/** Puts a stream together as Anthropic's own client does: by position, one open block at a time. */
function read(sent: readonly MessageEvent[]): unknown[] {
  const content: Record<string, unknown>[] = []
  let open: number | null = null
  for (const event of sent) {
    if (event.type === 'content_block_start') {
      expect([open, event.index]).toEqual([null, content.length])
      open = content.push({ ...(event.content_block as object), json: '' }) - 1
      continue
    }
    expect(event.index).toBe(open)
    const block = content[open!]!
    const { text: words, thinking, partial_json: json } = (event.delta ?? {}) as Record<string, string>
    if (words) block.text += words
    if (thinking) block.thinking += thinking
    if (json) block.json += json
    if (event.type === 'content_block_stop') open = null
  }
  expect(open).toBeNull()
  return content.map(({ json, ...block }) => (block.type === 'tool_use' ? { ...block, input: JSON.parse((json as string) || '{}') } : block))
}

describe('the corridor’s events as Anthropic’s', () => {
  it('a block starts, grows and stops before the next one', () => {
    const { sent, content } = told([thought('hm'), thought('!'), text('a'), text('b'), call(0, '', { id: 't1', name: 'f' }), call(0, '{"a":'), call(0, '1}')])
    expect(sent.map(({ type, index }) => `${type.replace('content_block_', '')} ${String(index)}`)).toEqual(['start 0', 'delta 0', 'delta 0', 'stop 0', 'start 1', 'delta 1', 'delta 1', 'stop 1', 'start 2', 'delta 2', 'delta 2', 'stop 2'])
    expect(content).toEqual([{ type: 'thinking', thinking: 'hm!', signature: '' }, { type: 'text', text: 'ab', citations: null }, { type: 'tool_use', id: 't1', name: 'f', input: { a: 1 } }])
    expect(read(sent)).toEqual(content)
  })

  it('a signature is never made up', () => expect(JSON.stringify(told([thought('hm')]).sent)).not.toContain('signature_delta'))

  it('an answer of nothing has no blocks', () => expect(told([])).toEqual({ sent: [], content: [] }))

  it('a call without arguments has an empty input', () => expect(told([call(0, '', { id: 't', name: 'f' })]).content).toEqual([{ type: 'tool_use', id: 't', name: 'f', input: {} }]))

  it('blanks behind whole arguments begin no other block', () => {
    expect(told([call(0, '{"a":1}', { id: 't0', name: 'f' }), call(1, '{"b":2}', { id: 't1', name: 'g' }), call(0, '\n')]).content).toEqual([{ type: 'tool_use', id: 't0', name: 'f', input: { a: 1 } }, { type: 'tool_use', id: 't1', name: 'g', input: { b: 2 } }])
  })

  it('however fragments of calls come interleaved, no block is cut off and nothing is lost', () => {
    const inputs = fc.array(fc.record({ a: fc.string({ maxLength: 6 }), n: fc.nat(99) }), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(inputs, fc.array(fc.nat(3), { maxLength: 60 }), fc.nat(4), fc.boolean(), (wanted, turns, size, hasText) => {
        const queues = wanted.map((input, index) => [call(index, '', { id: `t${index}`, name: `f${index}` }), ...(JSON.stringify(input).match(new RegExp(`[^]{1,${size + 1}}`, 'g')) ?? []).map((part) => call(index, part))])
        const events: ChatEvent[] = hasText ? [text('see')] : []
        for (const turn of [...turns, ...queues.flatMap((queue, index) => queue.map(() => index))]) {
          const next = queues[turn % queues.length]!.shift()
          if (next) events.push(next)
        }
        const { sent, content } = told(events)
        expect(read(sent)).toEqual(content)
        const uses = content.filter(({ type }) => type === 'tool_use').sort((one, other) => String(one.id).localeCompare(String(other.id)))
        expect(uses).toEqual(wanted.map((input, index) => ({ type: 'tool_use', id: `t${index}`, name: `f${index}`, input })))
      }),
    )
  })

  it('tells when the reader is slow', () => expect(new MessageBlocks(() => false).push(text('a'))).toBe(false))

  it.each([
    ['stop', 'end_turn'],
    ['length', 'max_tokens'],
    ['tool_calls', 'tool_use'],
    ['content_filter', 'refusal'],
  ] as const)('%s is %s', (from, to) => expect(stopReasonOf(from)).toBe(to))

  it('cached tokens are not part of input_tokens, and the sum is the prompt', () => {
    const usage = anthropicUsage({ promptTokens: 20, completionTokens: 3, cachedTokens: 15, cacheWriteTokens: 4, reasoningTokens: 0, source: 'provider' })
    expect(usage).toEqual({ input_tokens: 1, cache_read_input_tokens: 15, cache_creation_input_tokens: 4, output_tokens: 3 })
  })
})
