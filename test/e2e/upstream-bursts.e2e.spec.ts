import { Socket } from 'node:net'
import { HealthBoard } from '../../libs/hosts/health'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { atRest, usageRow } from './evidence'

const { url: redisUrl } = redisTargets().at(-1)!
const CHUNKS = 10_000
const MOST_GROWTH_BYTES = 50 * 1024 * 1024

/** T16, row 19: the chunks of one read from an upstream go to the client together, so their number costs no system call each. */
describe('ten thousand tiny chunks', () => {
  let stack: Stack
  let tenant: SeededTenant
  let port: number
  beforeAll(async () => {
    stack = await startStack({
      redisUrl,
      hosts: [
        { name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['llama3.2'], defaults: { gap: 0 } },
        { name: 'openai-eu', region: 'eu-west', dialect: 'openai', models: ['gpt-4o-mini'], defaults: { gap: 0 } },
        { name: 'anthropic-eu', region: 'eu-west', dialect: 'anthropic', models: ['claude-haiku-4-5'], defaults: { gap: 0 } },
      ],
      env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' },
    })
    tenant = await stack.addTenant({ tier: 'enterprise' })
    port = Number(new URL(stack.url).port)
  })
  afterAll(() => stack.stop())

  it.each([['ollama-us', 'llama3.2'], ['openai-eu', 'gpt-4o-mini'], ['anthropic-eu', 'claude-haiku-4-5']])('of %s leave in few writes, whole and in order, without growing the process', async (host, model) => {
    await stack.sandbox.host(host).set('burst')
    // Every write of a socket passes here, corked or not, as one.
    const writes = jest.spyOn(Socket.prototype as unknown as { _writeGeneric: (...args: unknown[]) => void }, '_writeGeneric')
    const before = process.memoryUsage().rss
    const response = await stack.post('/v1/chat/completions', tenant.key, { model, messages: [{ role: 'user', content: 'Hi' }], stream: true, max_tokens: 20_000 })
    const text = await response.text()
    const toClient = writes.mock.contexts.filter((socket) => (socket as unknown as Socket).localPort === port).length
    writes.mockRestore()
    const words = text.split('\n\n').filter((block) => /^data: \{/.test(block)).flatMap((block) => (JSON.parse(block.slice(6)) as { choices: { delta: { content?: string } }[] }).choices.map(({ delta }) => delta.content ?? '')).filter((word) => word !== '')
    expect(words).toHaveLength(CHUNKS)
    expect(words.map((word) => word.trim())).toEqual(words.map((_, at) => `w${at + 1}`))
    expect(toClient).toBeGreaterThan(1)
    expect(toClient).toBeLessThan(CHUNKS / 10)
    expect(process.memoryUsage().rss - before).toBeLessThan(MOST_GROWTH_BYTES)
    expect(await usageRow(stack.owner, response.headers.get('x-request-id')!)).toMatchObject({ status: 'completed', completion_tokens: CHUNKS + 1 })
    await stack.sandbox.host(host).reset()
    await atRest(redisUrl)
  })

  it('an Ollama host that answers with another model serves, is flagged in the record, and is then passed over', async () => {
    await stack.sandbox.host('ollama-us').set('wrong-model')
    const rids: string[] = []
    for (let call = 0; call < 3; call++) {
      const response = await stack.post('/chat', tenant.key, { model: 'llama3.2', message: 'one two' })
      expect(response.status).toBe(200)
      await response.text()
      rids.push(response.headers.get('x-request-id')!)
    }
    for (const rid of rids) expect(await usageRow(stack.owner, rid)).toMatchObject({ flags: expect.arrayContaining(['model_differs']) })
    const { rows } = await stack.owner.query(`SELECT count(*)::int AS told FROM provider_cost WHERE rid = ANY ($1) AND outcome = 'completed'`, [rids])
    expect(rows[0].told).toBe(3)
    const target = stack.gateways[0]!.get(HealthBoard, { strict: false })
    const hostId = (await stack.owner.query(`SELECT id FROM host WHERE name = 'ollama-us'`)).rows[0].id as string
    await eventually(async () => expect(target.standing(hostId, 'llama3.2')).toMatchObject({ isOpen: true }), { timeoutMs: 10_000 })
    expect(target.standing(hostId)).toMatchObject({ isOpen: false })
  })
})
