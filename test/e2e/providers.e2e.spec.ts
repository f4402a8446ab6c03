import { HealthBoard } from '@tollgate/hosts/health'
import { documented, eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'

interface Provider {
  readonly provider: string
  readonly status: string
  readonly last_check: string | null
  readonly hosts: { name: string; region: string; status: string; circuit: string; latency_ms: number | null; recent_requests: number; recent_success_rate: number | null }[]
}

describe('/v1/providers', () => {
  let stack: Stack
  let tenant: SeededTenant
  let european: SeededTenant
  beforeAll(async () => {
    stack = await startStack({
      redisUrl: redisTargets().at(-1)!.url,
      hosts: [
        { name: 'us-1', region: 'us-east', dialect: 'ollama', models: ['phi3', 'llama3.2'] },
        { name: 'us-2', region: 'us-east', dialect: 'ollama', models: ['phi3'] },
        { name: 'eu-1', region: 'eu-west', dialect: 'openai', models: ['gpt-4o-mini', 'llama3.2'] },
      ],
      env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' },
    })
    tenant = await stack.addTenant({ tier: 'enterprise' })
    european = await stack.addTenant({ tier: 'enterprise', homeRegion: 'eu-west', allowedRegions: ['eu-west'] })
  })
  afterAll(() => stack.stop())

  const get = async (path: string, key: string) => {
    const reply = await documented('GET', await fetch(stack.url + path, { headers: { authorization: `Bearer ${key}` } }))
    return { status: reply.status, body: (await reply.json()) as { data: Provider[] } }
  }
  const hostOf = (providers: Provider[], name: string) => providers.flatMap(({ hosts }) => hosts).find((host) => host.name === name)

  it('lists what is in the caller’s regions, and no address of any host', async () => {
    const { body } = await get('/v1/providers', tenant.key)
    expect(body.data.map(({ provider, hosts }) => [provider, hosts.map(({ name }) => name)])).toEqual([['ollama', ['us-1', 'us-2']], ['openai', ['eu-1']]])
    expect((await get('/v1/providers', european.key)).body.data.map(({ provider }) => provider)).toEqual(['openai'])
    for (const host of stack.sandbox.hosts) expect(JSON.stringify(body)).not.toContain(String(host.port))
  })

  it('lists models of one provider, within regions and tier; another provider is not found', async () => {
    expect((await get('/v1/providers/ollama/models', tenant.key)).body.data).toEqual([
      { name: 'llama3.2', provider: 'ollama', regions: ['us-east'], hosts: [{ name: 'us-1', region: 'us-east', status: expect.any(String) }] },
      { name: 'phi3', provider: 'ollama', regions: ['us-east'], hosts: [expect.objectContaining({ name: 'us-1' }), expect.objectContaining({ name: 'us-2' })] },
    ])
    const free = await stack.addTenant({ tier: 'free' })
    expect((await get('/v1/providers/ollama/models', free.key)).body.data).toEqual([expect.objectContaining({ name: 'phi3' })])
    expect((await get('/v1/providers/ollama/models', european.key)).status).toBe(404)
    expect((await get('/v1/providers/nobody/models', tenant.key)).status).toBe(404)
  })

  it('asks the hosts when told to, but none again within two seconds however many ask; what died is unhealthy', async () => {
    await stack.sandbox.host('us-2').stop()
    const asked = () => stack.sandbox.host('us-1').log().filter(({ path }) => path === '/api/version').length
    const replies = await Promise.all([1, 2, 3, 4, 5].map(() => stack.post('/v1/providers/health-check', tenant.key, {})))
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    await Promise.all(replies.map((reply) => reply.text()))
    expect(asked()).toBeLessThanOrEqual(2)
    const { body } = await get('/v1/providers', tenant.key)
    expect(hostOf(body.data, 'us-2')).toMatchObject({ status: 'unhealthy' })
    expect(hostOf(body.data, 'us-1')).toMatchObject({ status: 'healthy', circuit: 'closed', latency_ms: expect.any(Number) })
    expect(body.data[0]).toMatchObject({ status: 'healthy', last_check: expect.any(String) })
    // A check is for the caller's regions only.
    expect(stack.sandbox.host('eu-1').log().filter(({ path }) => path === '/v1/models').length).toBe(1)
    await stack.sandbox.host('us-2').start()
  })

  it('shows calls and circuits as they are', async () => {
    const { rows } = await stack.owner.query<{ id: string }>(`SELECT id FROM host WHERE name = 'us-1'`)
    const board = stack.gateways[0]!.get(HealthBoard)
    expect((await stack.post('/chat', tenant.key, { message: 'hi', model: 'ollama/llama3.2' })).status).toBe(200)
    await stack.sandbox.host('us-1').set('busy')
    for (let i = 0; i < 3; i++) await (await stack.post('/chat', tenant.key, { message: 'hi', model: 'ollama/llama3.2' })).text()
    await eventually(() => expect(board.standing(rows[0]!.id).isOpen).toBe(true))
    expect(hostOf((await get('/v1/providers', tenant.key)).body.data, 'us-1')).toMatchObject({ status: 'unhealthy', circuit: 'open' })
    await stack.sandbox.host('us-1').reset()
  })
})
