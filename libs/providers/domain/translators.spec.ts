import type { ChatEvent, ChatMessage, ChatRequest } from '@tollgate/kernel'
import { readCompatibleFrame } from './compatible_openai'
import { readOllamaLine } from './ollama_openai'
import { choicesOf, compatibleChatPath, toCompatibleBody } from './openai_compatible'
import { ollamaChatPath, toOllamaBody } from './openai_ollama'
import { quirksOf } from './quirks'
import { Reply } from './reply'

const request = (parameters: Record<string, unknown> = {}, messages: readonly ChatMessage[] = [{ role: 'user', content: 'Hi' }]): ChatRequest => ({
  model: 'm', messages, stream: true, maxTokens: null, project: null, parameters, bodyBytes: 10,
})
const ollama = (parameters: Record<string, unknown> = {}, messages?: readonly ChatMessage[], settings?: Record<string, unknown>) => {
  const translated = toOllamaBody(request(parameters, messages), { model: 'llama3.2', maxTokens: 64, settings })
  if (!translated.ok) throw new Error(translated.reason)
  return translated.body
}

describe('openai_ollama', () => {
  it('maps parameters to options and always sends the limit', () => {
    expect(ollama({ temperature: 0.5, top_p: 0.9, top_k: 5, seed: 7, stop: 'x', presence_penalty: 1, frequency_penalty: 2, repetition_penalty: 1.1 })).toEqual({
      model: 'llama3.2', stream: true, truncate: false, shift: false, messages: [{ role: 'user', content: 'Hi' }],
      options: { temperature: 0.5, top_p: 0.9, top_k: 5, seed: 7, stop: ['x'], presence_penalty: 1, frequency_penalty: 2, repeat_penalty: 1.1, num_predict: 64 },
    })
  })

  it("drops what tenants must not set and takes the operator's settings", () => {
    const tenant = { keep_alive: -1, num_ctx: 1e6, num_gpu: 99, num_thread: 64, use_mmap: false, num_predict: 1e9, options: { num_ctx: 1e6 } }
    expect(ollama(tenant).options).toEqual({ num_predict: 64 })
    expect(ollama(tenant)).not.toHaveProperty('keep_alive')
    expect(ollama(tenant, undefined, { num_ctx: 8192, keep_alive: '10m', num_predict: 5 })).toMatchObject({ keep_alive: '10m', options: { num_ctx: 8192, num_predict: 64 } })
  })

  it.each([
    [{ response_format: { type: 'json_object' } }, 'json'],
    [{ response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' } } } }, { type: 'object' }],
    [{ response_format: { type: 'text' } }, undefined], [{ format: 'json' }, 'json'], [{ format: 'yaml' }, undefined],
  ])('puts %j as a format', (parameters, format) => expect(ollama(parameters).format).toEqual(format))

  it.each([[{ reasoning_effort: 'none' }, false], [{ reasoning_effort: 'minimal' }, 'low'], [{ reasoning_effort: 'high' }, 'high'], [{ think: true }, true], [{}, undefined]])(
    'puts %j as think', (parameters, think) => expect(ollama(parameters).think).toEqual(think))

  it('translates tools, tool calls and their answers', () => {
    const tools = [{ type: 'function', function: { name: 'get_weather', parameters: {} } }]
    const call = { id: 'c1', type: 'function' as const, function: { name: 'get_weather', arguments: '{"city":"Paris"}' } }
    const body = ollama({ tools }, [{ role: 'assistant', content: null, tool_calls: [call] }, { role: 'tool', tool_call_id: 'c1', content: 'sunny' }])
    expect(body.tools).toBe(tools)
    expect(body.messages).toEqual([
      { role: 'assistant', content: '', tool_calls: [{ id: 'c1', function: { index: 0, name: 'get_weather', arguments: { city: 'Paris' } } }] },
      { role: 'tool', content: 'sunny', tool_call_id: 'c1', tool_name: 'get_weather' },
    ])
    expect(ollama({ tools, tool_choice: 'none' })).not.toHaveProperty('tools')
  })

  it('gives earlier reasoning back as thinking', () => {
    expect(ollama({}, [{ role: 'assistant', content: 'yes', reasoning_content: 'hm' }]).messages).toEqual([{ role: 'assistant', content: 'yes', thinking: 'hm' }])
  })

  it('takes images as base64 and refuses links', () => {
    const image = (url: string) => [{ role: 'user' as const, content: [{ type: 'text', text: 'see' }, { type: 'image_url', image_url: { url } }] }]
    expect(ollama({}, image('data:image/png;base64,aGVsbG8='))).toMatchObject({ messages: [{ content: 'see', images: ['aGVsbG8='] }] })
    expect(toOllamaBody(request({}, image('http://169.254.169.254/')), { model: 'm', maxTokens: 1 })).toMatchObject({ ok: false, reason: expect.stringContaining('data URIs') })
  })

  it.each([['', '/api/chat'], ['/v1', '/api/chat'], ['/api', '/api/chat'], ['/proxy', '/proxy/api/chat']])('base path %j', (base, path) => expect(ollamaChatPath(base)).toBe(path))
})

describe('openai_compatible', () => {
  const body = (provider: string, parameters: Record<string, unknown> = {}, messages?: readonly ChatMessage[]) =>
    toCompatibleBody(request(parameters, messages), { model: 'x', maxTokens: 64, quirks: quirksOf(provider), cacheSalt: 's' })

  it('asks for usage always and names the limit as the provider does', () => {
    expect(body('openai')).toEqual({ model: 'x', messages: [{ role: 'user', content: 'Hi' }], stream: true, max_completion_tokens: 64, stream_options: { include_usage: true } })
    expect(body('together')).toMatchObject({ max_tokens: 64 })
    expect(body('vllm', { stream_options: { include_usage: false, continuous_usage_stats: true } })).toMatchObject({ stream_options: { include_usage: true }, cache_salt: 's' })
  })

  it('passes known fields and drops what costs, leaks or leaves the tier', () => {
    const wish = { temperature: 1, tools: [], models: ['a'], provider: {}, service_tier: 'priority', store: true, user: 'ada', max_tokens: 1e9, max_completion_tokens: 1e9, top_k: 4, plugins: [] }
    expect(Object.keys(body('openai', wish)).sort()).toEqual(['max_completion_tokens', 'messages', 'model', 'stream', 'stream_options', 'temperature', 'tools'])
    expect(body('openrouter', wish)).toMatchObject({ top_k: 4, max_tokens: 64, provider: {} })
    expect(body('universal', { think: true, thinking_budget: 9e9, n_ctx: 9e9 })).not.toHaveProperty('thinking_budget')
  })

  it('lets no router leave out the middle of a prompt, whatever the caller wishes', () => {
    const compression = { id: 'context-compression' }
    expect(body('openrouter', { plugins: [compression], transforms: ['middle-out'] })).toMatchObject({ plugins: [{ ...compression, enabled: false }] })
    for (const provider of ['openai', 'vllm', 'together', 'llamacpp', 'lmstudio', 'universal', 'openai-compatible']) expect(body(provider, { plugins: [compression] })).not.toHaveProperty('plugins')
  })

  it('knows who counts several choices wrongly', () => {
    const wish = { ...request({}), choices: 3 }
    expect([choicesOf(wish, quirksOf('openai')), choicesOf(wish, quirksOf('llamacpp')), choicesOf(request({}), quirksOf('openai'))]).toEqual([3, 1, 1])
    const sent = (provider: string) => toCompatibleBody(wish, { model: 'm', maxTokens: 1, quirks: quirksOf(provider) })
    expect([sent('openai').n, sent('llamacpp').n]).toEqual([3, undefined])
  })

  it('turns developer into system where it is unknown', () => {
    expect(body('vllm', {}, [{ role: 'developer', content: 'x' }])).toMatchObject({ messages: [{ role: 'system' }] })
    expect(body('openai', {}, [{ role: 'developer', content: 'x' }])).toMatchObject({ messages: [{ role: 'developer' }] })
  })

  it.each([['openai', false], ['groq', false], ['vllm', true], ['deepseek', true]])('%s gets earlier reasoning: %s', (provider, isTold) => {
    const said: ChatMessage = { role: 'assistant', content: 'yes', reasoning_content: 'hm' }
    expect(body(provider, {}, [{ role: 'developer', content: 'x' }, said]).messages).toEqual([{ role: provider === 'openai' ? 'developer' : 'system', content: 'x' }, isTold ? said : { role: 'assistant', content: 'yes' }])
  })

  it.each([['', '/v1/chat/completions'], ['/v1', '/v1/chat/completions'], ['/api/v1', '/api/v1/chat/completions'], ['/api', '/api/v1/chat/completions'], ['/v1/projects/a/b', '/v1/projects/a/b/chat/completions']])(
    'base path %j', (base, path) => expect(compatibleChatPath(base)).toBe(path))
})

function hear(read: (reply: Reply, frame: string) => void, frames: readonly object[], choices = 1): { reply: Reply; events: ChatEvent[] } {
  const events: ChatEvent[] = []
  const reply = new Reply((event) => events.push(event), { maxTokens: 1000, choices, idPrefix: 'q_' })
  for (const frame of frames) read(reply, JSON.stringify(frame))
  return { reply, events }
}

describe('ollama_openai', () => {
  const call = { function: { index: 0, name: 'f', arguments: { a: 1 } } }

  it('tells reasoning and text apart', () => {
    const { events } = hear(readOllamaLine, [{ message: { thinking: 'hm', content: '' }, done: false }, { message: { content: 'yes' }, done: false }])
    expect(events).toEqual([{ kind: 'reasoning', text: 'hm', choice: 0 }, { kind: 'text', text: 'yes', choice: 0 }])
  })

  it('takes tool calls in any line, numbers them and mints missing ids', () => {
    const { reply, events } = hear(readOllamaLine, [{ message: { tool_calls: [{ id: 'c9', ...call }] }, done: false }, { message: { tool_calls: [call] }, done: true, done_reason: 'stop' }])
    expect(events).toEqual([
      { kind: 'tool_call', choice: 0, index: 0, id: 'c9', name: 'f', arguments: '{"a":1}' },
      { kind: 'tool_call', choice: 0, index: 1, id: 'call_q_1', name: 'f', arguments: '{"a":1}' },
    ])
    expect(reply).toMatchObject({ finishReason: 'tool_calls', isTerminal: true })
  })

  it.each(['load', 'unload', ''])('done_reason %j is not an answer', (done_reason) => {
    expect(hear(readOllamaLine, [{ message: { content: '' }, done: true, done_reason }]).reply).toMatchObject({ isTerminal: false, malformed: expect.stringContaining('not an answer') })
  })

  it('accepts servers that give no reason', () => expect(hear(readOllamaLine, [{ done: true }]).reply).toMatchObject({ isTerminal: true, finishReason: 'stop' }))
})

describe('compatible_openai', () => {
  const delta = (fields: object, finish_reason: string | null = null, index = 0) => ({ choices: [{ index, delta: fields, finish_reason }] })
  const tool = (fields: object) => delta({ tool_calls: [fields] })

  it('joins fragments by index, also interleaved', () => {
    const { events, reply } = hear(readCompatibleFrame, [
      tool({ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '{' } }), tool({ index: 1, id: 'b', function: { name: 'g', arguments: '' } }),
      tool({ index: 0, id: 'a', function: { name: 'f', arguments: '}' } }), tool({ index: 1, function: { arguments: '{}' } }),
    ])
    expect(events.map((event) => event.kind === 'tool_call' && [event.index, event.id, event.name, event.arguments])).toEqual([[0, 'a', 'f', '{'], [1, 'b', 'g', ''], [0, undefined, undefined, '}'], [1, undefined, undefined, '{}']])
    expect(reply.hasWholeToolCalls()).toBe(true)
  })

  it('manages without indexes and ids', () => {
    const { events } = hear(readCompatibleFrame, [tool({ id: '', function: { name: 'f', arguments: '{}' } }), tool({ function: { name: 'g', arguments: '{"a"' } }), tool({ function: { arguments: ':1}' } })])
    expect(events.map((event) => event.kind === 'tool_call' && [event.index, event.id])).toEqual([[0, 'call_q_0'], [1, 'call_q_1'], [1, undefined]])
  })

  it('sees a tool call that was cut short', () => {
    expect(hear(readCompatibleFrame, [tool({ index: 0, id: 'a', function: { name: 'f', arguments: '{"city":' } })]).reply.hasWholeToolCalls()).toBe(false)
  })

  it.each([['eos', 'stop'], ['function_call', 'tool_calls'], ['length', 'length'], ['content_filter', 'content_filter'], ['whatever', 'stop'], ['constructor', 'stop']])('finish %s is %s', (finish, meaning) => {
    expect(hear(readCompatibleFrame, [delta({}, finish)]).reply.finishReason).toBe(meaning)
  })

  it.each([['END', 'END'], [128_009, null], [null, null]])('stop_reason %j names the stop sequence %j', (stop_reason, sequence) => {
    expect(hear(readCompatibleFrame, [{ choices: [{ index: 0, delta: {}, finish_reason: 'stop', stop_reason }] }]).reply.stopSequence).toBe(sequence)
  })

  it.each(['error', 'abort'])('finish %s is a failure', (finish) => expect(hear(readCompatibleFrame, [delta({ content: '' }, finish)]).reply.error).not.toBeNull())

  it.each([
    [{ error: { message: 'x', code: null } }, null], [{ error: 'x' }, null], [{ object: 'error', message: 'boom', code: 500 }, 500], [{ detail: 'x' }, null],
    [{ error: { code: 502, message: 'Provider disconnected' }, choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }] }, 502],
  ])('%j is an error', (frame, status) => expect(hear(readCompatibleFrame, [frame]).reply.error).toMatchObject({ status }))

  it('takes the first of two finishes, keeps the last usage, and survives empty choices', () => {
    const { reply } = hear(readCompatibleFrame, [{ choices: [], prompt_filter_results: [] }, delta({}, 'length'), { ...delta({}, 'stop'), usage: { prompt_tokens: 1, completion_tokens: 1 } }, { choices: [], usage: { prompt_tokens: 2, completion_tokens: 2 } }, { choices: [], usage: null }])
    expect(reply).toMatchObject({ finishReason: 'length', usage: { usage: { promptTokens: 2 } } })
  })

  it('keeps choices apart and drops one nobody asked for', () => {
    const frames = [delta({ content: 'a' }, null, 0), delta({ content: 'b' }, 'stop', 1)]
    expect(hear(readCompatibleFrame, frames, 2).events).toHaveLength(2)
    const { events, reply } = hear(readCompatibleFrame, frames)
    expect(events).toEqual([{ kind: 'text', text: 'a', choice: 0 }])
    expect([...reply.flags]).toEqual(['unasked_choice'])
  })
})
