import { foldKept, modelsFromOpenAiList, modelsFromTags, shownOf } from './listing'

const entry = (name: string, more: object = {}) => ({ name, model: name, digest: 'a'.repeat(64), size: 7, modified_at: '2026-01-01T00:00:00Z', details: { format: 'gguf', context_length: 4096 }, ...more })

describe("a host's own list", () => {
  it('gives name, digest, size and what is known of a model', () => {
    expect(modelsFromTags({ models: [entry('phi3:latest', { capabilities: ['completion', 7] })] })).toEqual([
      { upstreamName: 'phi3:latest', digest: 'a'.repeat(64), sizeBytes: 7, modifiedAt: '2026-01-01T00:00:00Z', details: { format: 'gguf' }, capabilities: ['completion'], contextLength: 4096, kept: {}, isForwarded: false },
    ])
  })

  it('shows weights kept for a rollback beside their model, and nowhere else', () => {
    const [b, c] = ['b'.repeat(64), 'c'.repeat(64)]
    const kept = (model: string, digest: string) => entry(`tollgate-kept/${model}:${digest.slice(0, 12)}`, { digest })
    const models = foldKept(modelsFromTags({ models: [entry('phi3:latest'), kept('phi3', b), kept('phi3', 'a'.repeat(64)), kept('gone_tx', c), entry('ada')] }))
    expect(models.map((model) => [model.upstreamName, model.kept])).toEqual([['phi3:latest', { [b]: { name: 'tollgate-kept/phi3:bbbbbbbbbbbb', size: 7 } }], ['ada', {}]])
  })

  it('tells which models the host forwards to a cloud: by what it says, or by their names', () => {
    const remote = [entry('big', { remote_host: 'https://ollama.com:443', remote_model: 'big' }), entry('other', { remote_model: 'other' }), entry('odd', { remote_host: { url: 'https://ollama.com' } }), entry('gpt-oss:120b-cloud'), entry('glm:cloud')]
    const here = [entry('phi3'), entry('my-cloud:latest'), entry('cloudy:7b', { remote_host: '' })]
    expect(modelsFromTags({ models: [...remote, ...here] }).map(({ isForwarded }) => isForwarded)).toEqual([...remote.map(() => true), ...here.map(() => false)])
    expect([shownOf({ remote_host: 'https://ollama.com:443' }), shownOf({ remote_model: 'big' }), shownOf({ remote_host: '' })]).toEqual([{ isForwarded: true }, { isForwarded: true }, {}])
  })

  it.each([null, 7, [], {}, { models: 7 }, { models: [null, 7, {}, { name: 7 }, { name: '' }] }])('is empty of %j', (body) => expect(modelsFromTags(body)).toEqual([]))
})

describe('what a host shows of a model', () => {
  it('is its capabilities and its own context length', () => {
    const shown = { capabilities: ['completion', 'tools', 7], model_info: { 'general.architecture': 'phi3', 'phi3.context_length': 131072, 'llama.context_length': 1 } }
    expect(shownOf(shown)).toEqual({ capabilities: ['completion', 'tools'], contextLength: 131072 })
  })

  it.each([null, 7, [], {}, { capabilities: 'tools', model_info: 7 }, { model_info: { 'phi3.context_length': 5 } }, { model_info: { 'general.architecture': 'phi3', 'phi3.context_length': -1 } }])('is nothing in %j', (body) =>
    expect(shownOf(body)).toEqual({}))
})

describe('an OpenAI-compatible list', () => {
  const capabilitiesOf = (more: object) => modelsFromOpenAiList({ data: [{ id: 'm', ...more }] })[0]!.capabilities

  it.each([
    ['OpenAI, which says nothing more', { data: [{ id: 'gpt-4o', object: 'model', created: 1, owned_by: 'system' }] }, 'gpt-4o', null],
    ['Together, a bare array', [{ id: 'meta/llama', type: 'chat', context_length: 8192 }], 'meta/llama', 8192],
    ['vLLM', { data: [{ id: 'm', max_model_len: 4096, root: 'm', parent: null }] }, 'm', 4096],
    ['llama.cpp, the context it was started with', { data: [{ id: 'm', meta: { n_ctx: 2048, n_ctx_train: 131072 } }], models: [{ name: 'm', capabilities: ['completion'] }] }, 'm', 2048],
    ['Anthropic', { data: [{ type: 'model', id: 'claude', display_name: 'C', created_at: '2026-01-01T00:00:00Z' }], has_more: false }, 'claude', null],
    ['LM Studio', { object: 'list', data: [{ id: 'qwen', object: 'model', owned_by: 'organization_owner' }] }, 'qwen', null],
  ])('of %s', (_who, body, upstreamName, contextLength) =>
    expect(modelsFromOpenAiList(body)).toEqual([{ upstreamName, digest: null, sizeBytes: null, modifiedAt: null, details: {}, capabilities: [], contextLength, kept: {} }]))

  it('tells capabilities where it lists what a model takes, and leaves them unknown elsewhere', () => {
    const model = { context_length: 131072, supported_parameters: ['tools', 'reasoning'], architecture: { input_modalities: ['text', 'image'], output_modalities: ['text'] } }
    expect(capabilitiesOf(model)).toEqual(['completion', 'tools', 'thinking', 'vision'])
    expect(capabilitiesOf({ ...model, supported_parameters: ['temperature'], architecture: { input_modalities: ['text'], output_modalities: ['text'] } })).toEqual(['completion'])
    expect(capabilitiesOf({ supported_parameters: [], architecture: { output_modalities: ['embeddings'] } })).toEqual(['embedding'])
    expect(capabilitiesOf({ architecture: model.architecture })).toEqual([])
  })

  it.each([null, 7, 'x', {}, { data: 7 }, { data: [null, {}, { id: 7 }, { id: '' }] }])('is empty of %j', (body) => expect(modelsFromOpenAiList(body)).toEqual([]))
})
