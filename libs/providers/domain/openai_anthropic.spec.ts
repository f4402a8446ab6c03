import type { ChatMessage } from '@tollgate/kernel'
import { toAnthropicBody } from './openai_anthropic'

const USER: ChatMessage = { role: 'user', content: 'hi' }
const bodyOf = (messages: ChatMessage[], parameters: Record<string, unknown> = {}, maxTokens = 100) => {
  const made = toAnthropicBody({ model: 'm', messages, stream: true, maxTokens: null, project: null, parameters, bodyBytes: 1 }, 'claude', maxTokens)
  if (!made.ok) throw new Error(made.reason)
  return made.body
}
const refused = (messages: ChatMessage[], parameters: Record<string, unknown> = {}) => {
  const made = toAnthropicBody({ model: 'm', messages, stream: true, maxTokens: null, project: null, parameters, bodyBytes: 1 }, 'claude', 100)
  return made.ok ? null : made.reason
}

describe('the canonical request in Anthropic’s words', () => {
  it('system texts stand apart, joined; the limit is always sent', () => {
    expect(bodyOf([{ role: 'system', content: 'a' }, USER, { role: 'developer', content: 'b' }])).toEqual({ model: 'claude', max_tokens: 100, stream: true, system: 'a\n\nb', messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }] })
  })

  it('tool results and the text after them are one turn of the user', () => {
    const call = (id: string, text: string) => ({ id, type: 'function' as const, function: { name: 'f', arguments: text } })
    const { messages } = bodyOf([USER, { role: 'assistant', content: null, tool_calls: [call('1', '{"a":1}'), call('2', 'broken')] }, { role: 'tool', tool_call_id: '1', content: 'x' }, { role: 'tool', tool_call_id: '2', content: '' }, { role: 'user', content: 'go' }])
    expect((messages as { role: string }[]).map(({ role }) => role)).toEqual(['user', 'assistant', 'user'])
    expect((messages as { content: unknown[] }[])[1]!.content).toEqual([{ type: 'tool_use', id: '1', name: 'f', input: { a: 1 } }, { type: 'tool_use', id: '2', name: 'f', input: { value: 'broken' } }])
    expect((messages as { content: unknown[] }[])[2]!.content).toEqual([{ type: 'tool_result', tool_use_id: '1', content: [{ type: 'text', text: 'x' }] }, { type: 'tool_result', tool_use_id: '2', content: [] }, { type: 'text', text: 'go' }])
  })

  it('images by data or by link', () => {
    const image = (url: string) => ({ type: 'image_url' as const, image_url: { url } })
    expect((bodyOf([{ role: 'user', content: [image('data:image/png;base64,AA=='), image('https://x/y.png')] }]).messages as { content: unknown }[])[0]!.content).toEqual([
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } },
      { type: 'image', source: { type: 'url', url: 'https://x/y.png' } },
    ])
  })

  it.each([
    ['auto', undefined, { type: 'auto' }],
    ['none', undefined, { type: 'none' }],
    ['required', false, { type: 'any', disable_parallel_tool_use: true }],
    [{ type: 'function', function: { name: 'f' } }, undefined, { type: 'tool', name: 'f' }],
    [undefined, false, { type: 'auto', disable_parallel_tool_use: true }],
    [undefined, undefined, undefined],
  ])('tool choice %j, parallel %s', (choice, parallel, expected) => {
    const body = bodyOf([USER], { tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }], tool_choice: choice, parallel_tool_calls: parallel })
    expect(body.tool_choice).toEqual(expected)
    expect(body.tools).toEqual([{ name: 'f', input_schema: { type: 'object' } }])
  })

  it('temperature is at most 1; a model that thinks takes none', () => {
    expect(bodyOf([USER], { temperature: 1.7, top_p: 0.5, stop: 'x' })).toMatchObject({ temperature: 1, top_p: 0.5, stop_sequences: ['x'] })
    const thinking = bodyOf([USER], { temperature: 0.2, reasoning_effort: 'medium' }, 8_000)
    expect([thinking.temperature, thinking.thinking]).toEqual([undefined, { type: 'enabled', budget_tokens: 4_096 }])
    expect(bodyOf([USER], { reasoning_effort: 'high' }, 8_000).thinking).toBeUndefined()
    expect(bodyOf([USER], { reasoning_effort: 'none' }, 8_000).thinking).toBeUndefined()
  })

  it('a schema for the answer', () => {
    expect(bodyOf([USER], { response_format: { type: 'json_schema', json_schema: { name: 'n', schema: { type: 'array' } } } }).output_config).toEqual({ format: { type: 'json_schema', schema: { type: 'array' } } })
  })

  it('what has no form there is refused, not changed', () => {
    expect(refused([USER], { response_format: { type: 'json_object' } })).toMatch(/json_schema/)
    expect(refused([{ role: 'user', content: [{ type: 'input_audio' }] }])).toMatch(/input_audio/)
    expect(refused([{ role: 'system', content: 'x' }])).toMatch(/user/)
  })
})
