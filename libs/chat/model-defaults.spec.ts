import type { ChatRequest } from '@tollgate/kernel'
import { withModelDefaults as filled } from './model-defaults'

const request = (over: Partial<ChatRequest> = {}): ChatRequest => ({ model: 'm', messages: [{ role: 'user', content: 'Hi' }], stream: false, maxTokens: null, project: null, parameters: {}, bodyBytes: 10, ...over })
const entry = { parameters: { temperature: 0.2, max_tokens: 50 }, prompt: 'Bé brief.' }

const WORDS = { model: 'm', tenant: 'acme', project: '', date: '2026-01-01' }
const withModelDefaults = (wish: ChatRequest, said: Parameters<typeof filled>[1]) => filled(wish, said, WORDS)

describe('what a model’s entry says', () => {
  it('stands in where the caller says nothing, and its prompt is counted', () => {
    expect(withModelDefaults(request(), entry)).toMatchObject({ maxTokens: 50, parameters: { temperature: 0.2 }, messages: [{ role: 'system', content: 'Bé brief.' }, { role: 'user' }], bodyBytes: 22 })
    expect(withModelDefaults(request(), entry).parameters).toEqual({ temperature: 0.2 })
  })

  it('gives way to the caller', () => {
    const said = request({ maxTokens: 7, parameters: { temperature: 1 }, messages: [{ role: 'user', content: 'a' }, { role: 'system', content: 'b' }] })
    expect(withModelDefaults(said, entry)).toEqual(said)
  })

  it('says nothing of an embedding, and may say nothing at all', () => {
    const vectors = request({ embedding: { dimensions: null } })
    expect(withModelDefaults(vectors, entry)).toBe(vectors)
    expect(withModelDefaults(request(), { parameters: {}, prompt: null })).toEqual(request())
  })
})
