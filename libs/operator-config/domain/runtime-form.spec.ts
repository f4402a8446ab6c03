import { translate, type RuntimeModel } from './runtime-form'

const known = { hosts: [{ name: 'gpu-1', provider: 'ollama', base_url: 'http://10.0.0.1:11434', region: 'eu-west' }], region: 'us-east' }
const of = (models: RuntimeModel[], at = known) => translate(models.map((value, i) => ({ value, path: ['runtime', 'models', i] })), at)

it('a runtime model is a catalogue entry, a host and an alias', () => {
  const { models, hosts, aliases, faults } = of([{ name: 'powerful', description: 'More', provider: 'universal', model: 'Qwen/Qwen2.5-7B', base_url: 'http://127.0.0.1:11540', api_key: 'k', model_api_parameters: { temperature: 0.2 }, prompt: 'Be kind.', fallbacks: ['powerful', 'phi3'] }])
  expect(faults).toEqual([])
  expect(models.map(({ value }) => value)).toEqual([{ name: 'Qwen/Qwen2.5-7B', description: 'More', parameters: { temperature: 0.2 }, prompt: 'Be kind.', fallbacks: ['Qwen/Qwen2.5-7B', 'phi3'] }])
  expect(hosts.map(({ value }) => value)).toEqual([{ name: 'universal-127.0.0.1-11540', region: 'us-east', provider: 'universal', base_url: 'http://127.0.0.1:11540', secret: 'k' }])
  expect(aliases.map(({ value }) => value)).toEqual([{ name: 'powerful', target: 'universal:Qwen/Qwen2.5-7B' }])
})

it('needs no host where the provider has one, keeps the name of one at the address, and speaks to an Ollama beside /v1', () => {
  expect(of([{ name: 'fast', provider: 'ollama', model: 'gemma3:1b' }]).hosts).toEqual([])
  expect(of([{ name: 'fast', provider: 'ollama', model: 'gemma3:1b', base_url: 'http://10.0.0.1:11434/v1' }]).hosts[0]!.value).toEqual({ name: 'gpu-1', region: 'eu-west', provider: 'ollama', base_url: 'http://10.0.0.1:11434' })
  expect(of([{ name: 'gpt-4o', provider: 'openai', model: 'gpt-4o', api_key: 'k' }])).toMatchObject({ hosts: [{ value: { name: 'openai-api.openai.com', base_url: 'https://api.openai.com/v1', secret: 'k' } }], aliases: [] })
})

it('says what is missing or contradicts itself, at its place', () => {
  expect(of([{ name: 'x', provider: 'vllm', model: 'y' }]).faults).toEqual([{ path: ['runtime', 'models', 0, 'provider'], message: expect.stringContaining('base_url does not say where') }])
  expect(of([{ name: 'x', provider: 'vllm', model: 'y', base_url: 'http://h:1' }], { ...known, region: null as never }).faults).toEqual([{ path: ['runtime', 'models', 0], message: expect.stringContaining('needs a region') }])
  const twins = of([{ name: 'a', provider: 'ollama', model: 'm', prompt: 'x' }, { name: 'b', provider: 'ollama', model: 'm:latest', prompt: 'y' }])
  expect(twins.faults).toEqual([{ path: ['runtime', 'models', 1, 'model'], message: expect.stringContaining('runtime.models.0') }])
})
