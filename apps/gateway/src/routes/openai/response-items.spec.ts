import type { ChatEvent } from '@tollgate/kernel'
import fc from 'fast-check'
import { ResponseItems, type ResponseEvent } from './response-items'

interface Told {
  readonly items: ResponseItems
  readonly events: ResponseEvent[]
}

function tell(events: readonly ChatEvent[], isCut = false): Told {
  const told: ResponseEvent[] = []
  const items = new ResponseItems('r', (event) => told.push(event) > 0)
  for (const event of events) items.push(event)
  items.finish(isCut)
  return { items, events: told }
}

const call = (index: number, args: string, isFirst: boolean): ChatEvent => ({ kind: 'tool_call', choice: 0, index, ...(isFirst ? { id: `c${index}`, name: `f${index}` } : {}), arguments: args }) as ChatEvent
const text = (said: string, more: object = {}): ChatEvent => ({ kind: 'text', text: said, choice: 0, ...more }) as ChatEvent

describe('the items of a response', () => {
  it('hold every call once and whole, however its fragments are mixed with those of others; one item is done before the next begins', () => {
    const piecesOf = (index: number, cuts: readonly number[]): ChatEvent[] => {
      const whole = JSON.stringify({ city: `"}{${index}`, deep: { n: index } })
      const at = [0, ...cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b), whole.length]
      return at.slice(1).map((end, piece) => call(index, whole.slice(at[piece], end), piece === 0))
    }
    const streams = fc.array(fc.array(fc.nat(60), { maxLength: 4 }), { minLength: 1, maxLength: 4 }).map((calls) => calls.map((cuts, index) => piecesOf(index, cuts)))
    fc.assert(
      fc.property(streams, fc.infiniteStream(fc.nat(3)), (calls, order) => {
        const left = calls.map((pieces) => [...pieces])
        const mixed: ChatEvent[] = []
        while (left.some((pieces) => pieces.length > 0)) mixed.push(...(left[(order.next().value as number) % left.length]!.splice(0, 1)))
        const { items, events } = tell(mixed)
        const output = items.output as unknown as { id: string; call_id: string; arguments: string; status: string }[]
        expect(output.map(({ call_id: id, arguments: args, status }) => [id, JSON.parse(args), status]).sort()).toEqual(calls.map((_, index) => [`c${index}`, { city: `"}{${index}`, deep: { n: index } }, 'completed']))
        let open = -1
        let done = 0
        for (const event of events) {
          if (event.type === 'response.output_item.added') {
            expect([open, event.output_index]).toEqual([-1, done])
            open = done
          } else expect(event.output_index).toBe(open)
          if (event.type !== 'response.output_item.done') continue
          open = -1
          done++
        }
        for (const { id, arguments: args } of output) {
          const deltas = events.filter((event) => event.type === 'response.function_call_arguments.delta' && event.item_id === id)
          expect(deltas.map(({ delta }) => delta).join('')).toBe(args)
        }
      }),
    )
  })

  it('that come one after another are told at once: nothing waits for the end', () => {
    const told: ResponseEvent[] = []
    const items = new ResponseItems('r', (event) => told.push(event) > 0)
    items.push(call(0, '{"a":1}', true))
    items.push(call(1, '{"b"', true))
    expect(told.filter(({ type }) => type === 'response.output_item.done')).toHaveLength(1)
    items.push(call(1, ':2}', false))
    expect(told.at(-1)).toMatchObject({ type: 'response.function_call_arguments.delta', delta: ':2}' })
  })

  it('are not begun again by blanks behind whole arguments', () => {
    const { items } = tell([call(0, '{"a":1}', true), call(1, '{"b":2}', true), call(0, '\n', false)])
    expect(items.output).toMatchObject([{ call_id: 'c0', arguments: '{"a":1}' }, { call_id: 'c1' }])
    expect(items.output).toHaveLength(2)
  })

  it('keep a refusal and a thought apart from what is said, and seals to themselves', () => {
    const { items } = tell([
      { kind: 'reasoning', text: '', choice: 0, seal: { kind: 'redacted', data: 'x' } }, { kind: 'reasoning', text: 'hm', choice: 0 }, { kind: 'reasoning', text: '', choice: 0, seal: { kind: 'signature', data: 'y' } },
      text('yes'), text('no', { isRefusal: true }),
    ] as ChatEvent[], true)
    expect(items.output).toMatchObject([
      { type: 'reasoning', content: [{ type: 'reasoning_text', text: 'hm' }] },
      { type: 'message', status: 'completed', content: [{ type: 'output_text', text: 'yes' }] },
      { type: 'message', status: 'incomplete', content: [{ type: 'refusal', refusal: 'no' }] },
    ])
  })

  it('are one empty message where nothing was said, and a call without arguments has an empty object', () => {
    expect(tell([]).items.output).toMatchObject([{ type: 'message', content: [{ type: 'output_text', text: '', logprobs: [] }] }])
    expect(tell([call(0, '', true), call(1, '', true)]).items.output).toMatchObject([{ arguments: '{}' }, { arguments: '{}' }])
  })
})
