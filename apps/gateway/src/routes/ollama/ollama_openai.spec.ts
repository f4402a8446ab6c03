import { chatWish, generateWish } from './ollama_openai'
import { ollamaChatSchema, ollamaGenerateSchema } from './ollama.schema'

const chat = (body: object) => chatWish(ollamaChatSchema.parse({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...body }), 10)

describe('Ollama’s words in the canonical form', () => {
  it('streams unless it is told not to', () => {
    expect([chat({}).request.stream, chat({ stream: true }).request.stream, chat({ stream: false }).request.stream]).toEqual([true, true, false])
  })

  it.each([
    [undefined, null],
    [-1, null],
    [-2, null],
    [7, 7],
  ])('num_predict %s bounds the answer to %s', (asked, bound) => expect(chat({ options: { num_predict: asked } }).request.maxTokens).toBe(bound))

  it('names what belongs to the operator, and passes it to nobody', () => {
    const { request, ignored } = chat({ options: { num_ctx: 1, num_gpu: 2, top_k: 3, repeat_penalty: 1.1 }, keep_alive: 0 })
    expect(ignored).toEqual(['num_ctx', 'num_gpu', 'keep_alive'])
    expect(request.parameters).toEqual({ top_k: 3, repetition_penalty: 1.1 })
  })

  it.each([
    ['json', { type: 'json_object' }],
    ['', undefined],
    [{ type: 'object' }, { type: 'json_schema', json_schema: { name: 'answer', schema: { type: 'object' } } }],
  ])('format %j', (format, expected) => expect(chat({ format }).request.parameters.response_format).toEqual(expected))

  it('images become data URIs of the type that their bytes tell', () => {
    const { request } = chat({ messages: [{ role: 'USER', content: '', images: ['/9j/4AAQ', 'iVBORw0', 'data:image/gif;base64,R0'] }] })
    expect(request.messages[0]).toEqual({ role: 'user', content: ['data:image/jpeg;base64,/9j/4AAQ', 'data:image/png;base64,iVBORw0', 'data:image/gif;base64,R0'].map((url) => ({ type: 'image_url', image_url: { url } })) })
  })

  it('tool answers find their call by id, by name, or as the last one', () => {
    const call = (name: string, id?: string) => ({ role: 'assistant', content: '', tool_calls: [{ ...(id ? { id } : {}), function: { name, arguments: { a: 1 } } }] })
    const { request } = chat({ messages: [call('x', 'id1'), call('y'), { role: 'tool', content: '1', tool_call_id: 'id1' }, { role: 'tool', content: '2', tool_name: 'y' }, { role: 'tool', content: '3' }] })
    expect(request.messages.slice(2).map(({ tool_call_id: id }) => id)).toEqual(['id1', 'call_0', 'call_0'])
    expect(request.messages[0]!.tool_calls![0]!.function.arguments).toBe('{"a":1}')
  })

  it('a prompt is one turn of the user, after the system’s', () => {
    const { request } = generateWish(ollamaGenerateSchema.parse({ model: 'm', prompt: 'hi', system: 's' }), 10)
    expect(request.messages).toEqual([{ role: 'system', content: 's' }, { role: 'user', content: 'hi' }])
  })

  it.each(['suffix', 'template', 'raw', 'context'])('%s is refused with its name', (field) => {
    const parsed = ollamaGenerateSchema.safeParse({ model: 'm', prompt: 'hi', [field]: field === 'raw' ? true : 'x' })
    expect(parsed.error!.issues[0]).toMatchObject({ path: [field], message: expect.stringContaining('operator') })
  })
})
