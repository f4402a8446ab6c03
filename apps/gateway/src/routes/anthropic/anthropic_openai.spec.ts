import { RefusalError } from '@tollgate/kernel'
import { messagesWish } from './anthropic_openai'
import { messagesSchema } from './messages.schema'

const wish = (body: object) => messagesWish(messagesSchema.parse({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }], ...body }), 10)
const messagesOf = (...messages: object[]) => wish({ messages }).request.messages
const parametersOf = (body: object) => wish(body).request.parameters
const refusedFor = (body: object): string => {
  try {
    wish(body)
  } catch (error) {
    if (error instanceof RefusalError) return error.message
  }
  return 'not refused'
}

describe('Anthropic’s words in the canonical form', () => {
  it('take the model, the limit, and stream only when told to', () => {
    expect(wish({}).request).toEqual({ model: 'm', messages: [{ role: 'user', content: 'hi' }], stream: false, maxTokens: 9, project: null, parameters: {}, bodyBytes: 10 })
    expect(wish({ stream: true }).request.stream).toBe(true)
  })

  it.each([
    ['be brief', 'be brief'],
    [[{ type: 'text', text: 'be', cache_control: { type: 'ephemeral' } }, { type: 'text', text: 'brief' }], 'be\n\nbrief'],
  ])('the system prompt %j comes first', (system, content) => expect(wish({ system }).request.messages).toEqual([{ role: 'system', content }, { role: 'user', content: 'hi' }]))

  it('an empty system prompt is none', () => expect(wish({ system: [] }).request.messages).toHaveLength(1))

  it('blocks become text or parts, and lose what only Anthropic knows', () => {
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } }
    const link = { type: 'image', source: { type: 'url', url: 'https://x/y.png' } }
    expect(messagesOf({ role: 'user', content: [{ type: 'text', text: 'one', cache_control: { type: 'ephemeral' } }] })).toEqual([{ role: 'user', content: 'one' }])
    expect(messagesOf({ role: 'user', content: [{ type: 'text', text: 'one' }, image, link] })).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'one' }, { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }, { type: 'image_url', image_url: { url: 'https://x/y.png' } }] },
    ])
    expect(messagesOf({ role: 'user', content: [{ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'two' } }] })).toEqual([{ role: 'user', content: 'two' }])
  })

  it('calls and their results find each other; results come before what else the user says', () => {
    const turns = messagesOf(
      { role: 'assistant', content: [{ type: 'thinking', thinking: 'hm', signature: '' }, { type: 'text', text: 'let me see' }, { type: 'tool_use', id: 't1', name: 'f', input: { a: 1 } }, { type: 'tool_use', id: 't2', name: 'g' }] },
      { role: 'user', content: [{ type: 'text', text: 'and now?' }, { type: 'tool_result', tool_use_id: 't1', content: '21' }, { type: 'tool_result', tool_use_id: 't2', is_error: true, content: [{ type: 'text', text: 'no' }, { type: 'text', text: 'way' }] }, { type: 'tool_result', tool_use_id: 't3' }] },
    )
    const call = (id: string, name: string, args: string) => ({ id, type: 'function', function: { name, arguments: args } })
    expect(turns).toEqual([
      { role: 'assistant', content: 'let me see', reasoning_content: 'hm', tool_calls: [call('t1', 'f', '{"a":1}'), call('t2', 'g', '{}')] },
      { role: 'tool', tool_call_id: 't1', content: '21' },
      { role: 'tool', tool_call_id: 't2', content: 'Error: no\nway' },
      { role: 'tool', tool_call_id: 't3', content: '' },
      { role: 'user', content: 'and now?' },
    ])
  })

  it('images of a result follow it in the user’s turn: messages of tools hold text only', () => {
    const image = { type: 'image', source: { type: 'url', url: 'https://x' } }
    expect(messagesOf({ role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: [{ type: 'text', text: 'seen' }, image] }] })).toEqual([
      { role: 'tool', tool_call_id: 't1', content: 'seen' },
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://x' } }] },
    ])
  })

  it('a turn of thinking alone says nothing', () => expect(messagesOf({ role: 'user', content: 'hi' }, { role: 'assistant', content: [{ type: 'redacted_thinking', data: 'x' }] })).toHaveLength(1))

  it('sampling and stops keep their meaning; empty stops are none', () => {
    expect(parametersOf({ temperature: 0.5, top_p: 0.9, top_k: 7, stop_sequences: ['END'], metadata: { user_id: 'u' }, service_tier: 'auto' })).toEqual({ temperature: 0.5, top_p: 0.9, top_k: 7, stop: ['END'] })
    expect(parametersOf({ stop_sequences: [] })).toEqual({})
  })

  it.each([
    [{ type: 'auto' }, { tool_choice: 'auto' }],
    [{ type: 'any' }, { tool_choice: 'required' }],
    [{ type: 'none' }, { tool_choice: 'none' }],
    [{ type: 'tool', name: 'f' }, { tool_choice: { type: 'function', function: { name: 'f' } } }],
    [{ type: 'auto', disable_parallel_tool_use: true }, { tool_choice: 'auto', parallel_tool_calls: false }],
    [undefined, {}],
  ])('tool_choice %j', (choice, expected) => {
    const tools = [{ name: 'f', description: 'does', input_schema: { type: 'object' }, cache_control: { type: 'ephemeral' } }]
    expect(parametersOf({ tools, ...(choice ? { tool_choice: choice } : {}) })).toEqual({ tools: [{ type: 'function', function: { name: 'f', description: 'does', parameters: { type: 'object' } } }], ...expected })
  })

  it('tools that run at Anthropic are left out by name', () => {
    const { request, ignoredTools } = wish({ tools: [{ type: 'web_search_20250305', name: 'web_search' }, { type: 'custom', name: 'f', input_schema: { type: 'object' } }] })
    expect(ignoredTools).toEqual(['web_search_20250305'])
    expect(request.parameters.tools).toHaveLength(1)
    expect(parametersOf({ tools: [{ type: 'web_search_20250305', name: 'web_search' }], tool_choice: { type: 'auto' } })).toEqual({})
  })

  it.each([
    [{ thinking: { type: 'enabled', budget_tokens: 1_024 } }, { reasoning_effort: 'low' }],
    [{ thinking: { type: 'enabled', budget_tokens: 4_096 } }, { reasoning_effort: 'medium' }],
    [{ thinking: { type: 'enabled', budget_tokens: 31_999 } }, { reasoning_effort: 'high' }],
    [{ thinking: { type: 'enabled' }, output_config: { effort: 'max' } }, { reasoning_effort: 'max' }],
    [{ thinking: { type: 'disabled' } }, { think: false }],
    [{ thinking: { type: 'adaptive' }, output_config: { effort: 'high' } }, {}],
  ])('%j asks for %j', (body, expected) => expect(parametersOf(body)).toEqual(expected))

  it.each(['output_config', 'output_format'])('a schema of the answer in %s', (field) => {
    const format = { type: 'json_schema', schema: { type: 'object' } }
    expect(parametersOf({ [field]: field === 'output_config' ? { format } : format })).toEqual({ response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: { type: 'object' } } } })
  })

  it.each([
    [{ messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'document', source: { type: 'base64', data: 'AA' } }] }] }, 'messages.0.content.1: a block of type "document" with a source of type "base64" is not supported'],
    [{ messages: [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: [{ type: 'audio' }] }] }] }, 'messages.0.content.0.content.0: a block of type "audio" is not supported'],
    [{ messages: [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: [null] }] }] }, 'messages.0.content.0.content.0: a block of type undefined is not supported'],
    [{ messages: [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: 7 }] }] }, 'messages.0.content.0.content: must be text or a list of blocks'],
    [{ tools: [{ input_schema: {} }] }, 'tools: every tool of yours needs a name'],
    [{ tool_choice: { type: 'tool' } }, 'tool_choice.name: must name the tool'],
    [{ system: [{ type: 'image' }] }, 'system.0: must be a text block'],
  ])('what cannot be served is refused with its place: %j', (body, reason) => expect(refusedFor(body)).toBe(`Invalid request: ${reason}`))

  it.each([
    [{ max_tokens: undefined }, 'max_tokens'],
    [{ max_tokens: 0 }, 'max_tokens'],
    [{ messages: [] }, 'messages'],
    [{ temperature: 1.5 }, 'temperature'],
  ])('the schema refuses %j', (body, path) => expect(messagesSchema.safeParse({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }], ...body }).error?.issues[0]?.path).toEqual([path]))

  it('tolerates fields of betas', () => expect(wish({ context_management: { edits: [] }, container: 'x', mcp_servers: [], speed: 'fast' }).request.parameters).toEqual({}))
})
