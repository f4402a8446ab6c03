import type { ChatMessage } from '../../libs/kernel'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support/index'
import { startAdmin, type AdminApp } from './admin-app'

const TEXT = 'You are {{model}} of {{tenant}}{{project}}.'
const USER = { role: 'user', content: 'one two' }
/** Every surface that chats: its path, a body without a system text, and one with. */
const SURFACES: readonly [string, object, object][] = [
  ['/chat', { message: 'one two' }, { message: 'one two', system: 'be kind' }],
  ['/v1/chat/completions', { messages: [USER] }, { messages: [{ role: 'system', content: 'be kind' }, USER] }],
  ['/v1/messages', { messages: [USER], max_tokens: 50 }, { messages: [USER], max_tokens: 50, system: 'be kind' }],
  ['/v1/responses', { input: 'one two' }, { input: 'one two', instructions: 'be kind' }],
  ['/api/chat', { messages: [USER], stream: false }, { messages: [{ role: 'system', content: 'be kind' }, USER], stream: false }],
]

describe('prompts of models', () => {
  let stack: Stack
  let admin: AdminApp
  let token: string
  let tenant: SeededTenant
  beforeAll(async () => {
    stack = await startStack({ redisUrl: redisTargets().at(-1)!.url, hosts: [{ name: 'us', region: 'us-east', dialect: 'ollama', models: ['phi3', 'mistral:7b', 'nomic-embed-text'], defaults: { gap: 0 } }], env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
    admin = await startAdmin({ TOLLGATE_SECRETS_KEY: stack.config.TOLLGATE_SECRETS_KEY }, stack.database)
    token = await admin.personToken('ops')
    tenant = await stack.addTenant({ tier: 'enterprise' })
  })
  afterAll(async () => {
    await admin?.stop()
    await stack?.stop()
  })

  const put = (name: string, body: object, as = token) => admin.call('PUT', `/admin/prompts/${name}`, { token: as, body })
  const sent = async (path: string, body: object, model = 'phi3') => {
    const response = await stack.post(path, tenant.key, { ...body, model })
    await response.text()
    expect([path, response.status]).toEqual([path, 200])
    const asked = stack.sandbox.host('us').log().at(-1)!.body as { messages: ChatMessage[]; options?: { temperature?: number } }
    return { messages: asked.messages, temperature: asked.options?.temperature }
  }
  const systemOf = async (path: string, body: object, model?: string) => (await sent(path, body, model)).messages.filter(({ role }) => role === 'system').map(({ content }) => content)

  it.each(SURFACES)('go before the chat on %s, before a caller’s own system text and with it, and are part of the bill', async (path, without, withSystem) => {
    await put('house', { text: TEXT, models: ['phi3'] })
    const ours = `You are phi3 of ${tenant.slug}.`
    await eventually(async () => expect(await systemOf(path, without)).toEqual([ours]))
    expect(await systemOf(path, withSystem)).toEqual([`${ours}\n\nbe kind`])
    expect(await systemOf(path, without, 'mistral:7b')).toEqual([])
  })

  it('merged as default give way to a caller’s own text; a temperature stands in where none is given', async () => {
    await put('house', { text: TEXT, merge: 'default', temperature: 0.3, models: ['phi3', 'phi3:latest'] })
    await eventually(async () => expect(await systemOf('/chat', { message: 'hi', system: 'mine' })).toEqual(['mine']))
    expect((await sent('/chat', { message: 'hi' })).temperature).toBe(0.3)
    expect((await sent('/chat', { message: 'hi', temperature: 0.9 })).temperature).toBe(0.9)
  })

  it('take the place of the text in the model’s own entry, and give it back when they go', async () => {
    await stack.owner.query(`UPDATE model SET prompt = 'plain' WHERE name = 'mistral:7b'`)
    await put('second', { text: 'named', models: ['mistral:7b'] })
    await eventually(async () => expect(await systemOf('/chat', { message: 'hi' }, 'mistral:7b')).toEqual(['named']))
    expect((await admin.call('DELETE', '/admin/prompts/second', { token })).status).toBe(204)
    await eventually(async () => expect(await systemOf('/chat', { message: 'hi' }, 'mistral:7b')).toEqual(['plain']))
    expect((await admin.call('GET', '/admin/prompts/second', { token })).status).toBe(404)
    expect((await put('second', { text: 'again' })).body.version).toBe(3)
  })

  it('count their versions, keep what was, and make none of what changes nothing', async () => {
    const first = await put('counted', { text: 'one' })
    expect(first).toMatchObject({ status: 200, body: { name: 'counted', version: 1, merge: 'before', temperature: null, models: [] } })
    expect((await put('counted', { text: 'one' })).body.version).toBe(1)
    const both = await Promise.all([put('counted', { text: 'two' }), put('counted', { text: 'three' })])
    expect(both.map(({ body }) => body.version).sort()).toEqual([2, 3])
    const { body } = await admin.call('GET', '/admin/prompts/counted', { token })
    expect([body.version, body.older_versions.map(({ version }: { version: number }) => version)]).toEqual([3, [2, 1]])
    expect((await admin.call('GET', '/admin/prompts', { token })).body.data.map(({ name }: { name: string }) => name)).toContain('counted')
  })

  it.each([
    ['house', { text: 'hi {{user}}' }, 400, '{{user}} is no place of a template; there are {{model}}, {{tenant}}, {{project}}, {{date}}'],
    ['house', { text: ' ' }, 400, 'must not be empty'],
    ['house', { text: 'x', temperature: 3 }, 400, 'temperature'],
    ['house', { text: 'x', merge: 'after' }, 400, 'merge'],
    ['house', { text: 'x', more: 1 }, 400, 'more'],
    ['House!', { text: 'x' }, 400, 'must be 1 to 63'],
    ['other', { text: 'x', models: ['qwen9'] }, 404, "Model 'qwen9' not found"],
    ['other', { text: 'x', models: ['phi3'] }, 409, 'Model phi3 is still in use: it has the prompt house; take it out of that one first'],
  ])('%s are not made of %j', async (name, body, status, words) => {
    await put('house', { text: TEXT, models: ['phi3'] })
    const answer = await put(name, body)
    expect(answer.status).toBe(status)
    expect(JSON.stringify(answer.body).replaceAll('\\"', '"')).toContain(words)
    expect((await admin.call('GET', '/admin/prompts/other', { token })).status).toBe(404)
  })

  it('are for operators: others may not write them', async () => {
    expect((await put('house', { text: 'x' }, await admin.personToken('support'))).status).toBe(403)
  })
})
