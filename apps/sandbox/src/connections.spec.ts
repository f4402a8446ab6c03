import { Agent } from 'node:http'
import { startSandbox, type Sandbox, type SandboxHost } from './index'
import { hear } from './testing/caller'

const messages = [{ role: 'user', content: 'one two three' }]
const chat = (model: string): object => ({ model, messages })
let sandbox: Sandbox
let host: SandboxHost
let openai: SandboxHost

beforeAll(async () => {
  sandbox = await startSandbox({
    hosts: [
      { name: 'eu', region: 'eu-west', dialect: 'ollama', models: ['phi3', 'llama3.2'] },
      { name: 'cloud', region: 'us-east', dialect: 'openai', models: ['gpt-4o'], apiKey: 'secret' },
    ],
  })
  host = sandbox.host('eu')
  openai = sandbox.host('cloud')
})
beforeEach(() => Promise.all(sandbox.hosts.map((each) => each.reset())))
afterAll(() => sandbox.close())

describe('connections and models', () => {
  test('a pulled model is there, listed, and gone after delete', async () => {
    expect((await hear(`${host.baseUrl}/api/chat`, chat('mistral'))).status).toBe(404)
    const pulled = await hear(`${host.baseUrl}/api/pull`, { model: 'mistral' })
    expect(pulled.body.trim().split('\n').at(-1)).toBe('{"status":"success"}')
    const { models } = JSON.parse((await hear(`${host.baseUrl}/api/tags`)).body) as { models: { name: string }[] }
    expect(models.map(({ name }) => name)).toEqual(['mistral:latest', 'phi3:latest', 'llama3.2:latest'])
    expect((await hear(`${host.baseUrl}/api/chat`, chat('mistral'))).status).toBe(200)
    const body = JSON.stringify({ model: 'mistral' })
    await hear(`${host.baseUrl}/api/delete`, body, {
      method: 'DELETE',
      headers: { 'content-length': String(body.length) },
    })
    expect((await hear(`${host.baseUrl}/api/chat`, chat('mistral'))).status).toBe(404)
  })

  test('a key is asked for where one is set', async () => {
    const heard = await hear(`${openai.baseUrl}/v1/chat/completions`, chat('gpt-4o'))
    expect(heard.status).toBe(401)
    expect(JSON.parse(heard.body)).toMatchObject({ error: { code: 'invalid_api_key', param: null } })
  })

  test('two requests share a kept-alive connection, and early-close ends it unannounced', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const first = await hear(`${host.baseUrl}/api/version`, undefined, { agent })
    expect(first.headers['keep-alive']).toBeUndefined()
    const closing = await hear(`${host.baseUrl}/api/version`, undefined, { agent, headers: { 'x-sim': 'early-close' } })
    expect(closing).toMatchObject({ status: 200, fault: undefined })
    expect(closing.headers.connection).toBe('keep-alive')
    agent.destroy()
  })
})
