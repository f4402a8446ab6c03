import { HostsService } from '../../libs/hosts'
import { processLogger } from '../../libs/platform/logging'
import { startAdmin, type AdminApp } from '../admin/admin-app'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'

jest.setTimeout(60_000)

const { url: redisUrl } = redisTargets().at(-1)!
const CLOUD = 'https://ollama.com:443'
const MESSAGES = [{ role: 'user', content: 'one two' }]
const SURFACES: readonly [string, object][] = [
  ['/chat', { message: 'one two' }],
  ['/v1/chat/completions', { messages: MESSAGES }],
  ['/v1/messages', { messages: MESSAGES, max_tokens: 50 }],
  ['/api/chat', { messages: MESSAGES }],
  ['/v1/embeddings', { input: 'one two' }],
]

// An Ollama host signs calls of some models and sends them on to a cloud: what stands in a region answers from nobody knows where.
describe.each([
  ['listed as forwarded, by a host that shows nothing of it', 'show;terse=1', 'llama3.2', 'gpt-oss:120b'],
  ['shown as forwarded, by a host whose list does not say so', 'tags;terse=1', 'llama3.2', 'gpt-oss:120b'],
])('models %s', (_how, behaviour, shared, alone) => {
  const told = jest.spyOn(processLogger('silent'), 'warn')
  let stack: Stack
  let admin: AdminApp
  let token: string
  let european: SeededTenant
  let anywhere: SeededTenant
  beforeAll(async () => {
    told.mockClear()
    const hosts = [
      { name: 'eu', region: 'eu-west', dialect: 'ollama' as const, models: ['phi3', shared] },
      { name: 'us', region: 'us-east', dialect: 'ollama' as const, models: [shared] },
    ]
    stack = await startStack({ redisUrl, hosts, env: { TOLLGATE_PROBE_INTERVAL_MS: '200' } })
    admin = await startAdmin({ TOLLGATE_KEY_PEPPER: stack.config.TOLLGATE_KEY_PEPPER, TOLLGATE_SECRETS_KEY: stack.config.TOLLGATE_SECRETS_KEY }, stack.database)
    token = await admin.personToken('owner')
    european = await stack.addTenant({ tier: 'enterprise', homeRegion: 'eu-west', allowedRegions: ['eu-west'] })
    anywhere = await stack.addTenant({ tier: 'enterprise', homeRegion: 'eu-west', allowedRegions: ['eu-west', 'us-east'] })
  })
  afterAll(async () => {
    await admin.stop()
    await stack.stop()
  })

  const ask = async (tenant: SeededTenant, model: string, [path, body]: readonly [string, object] = SURFACES[0]!) => {
    const response = await stack.post(path, tenant.key, { ...body, model, stream: false })
    return { status: response.status, host: response.headers.get('x-tollgate-host') }
  }
  const calls = () => stack.sandbox.host('eu').log().filter(({ method, path }) => method === 'POST' && !['/api/show', '/api/create'].includes(path)).length
  const forward = async (model: string) => {
    const reply = await fetch(`${stack.sandbox.host('eu').baseUrl}/api/create`, { method: 'POST', body: JSON.stringify({ model, from: model, remote_host: CLOUD, stream: false }) })
    expect([reply.status, await reply.text()]).toEqual([200, expect.stringContaining('success')])
  }
  const probes = () => stack.sandbox.host('eu').log().filter(({ path }) => path === '/api/version').length
  /** Two rounds more: the first may have been under way. */
  const afterTwoProbes = async () => {
    const before = probes()
    await eventually(() => expect(probes()).toBeGreaterThan(before + 2), { timeoutMs: 20_000 })
    await stack.gateways[0]!.get(HostsService).refresh()
  }

  it('get no call, whatever asks for them: one of the same name on a true host serves, and nobody who may not go there', async () => {
    await stack.sandbox.host('eu').set(behaviour)
    expect(await ask(anywhere, shared)).toEqual({ status: 200, host: 'eu' })
    await forward(shared)
    await forward(alone)
    await afterTwoProbes()

    const before = calls()
    for (const surface of SURFACES.slice(0, 4)) expect([surface[0], await ask(anywhere, shared, surface)]).toEqual([surface[0], { status: 200, host: 'us' }])
    for (const surface of SURFACES) {
      for (const model of [shared, alone, `ollama:${shared}`, `ollama/${alone}`, `auto:${alone}`]) expect((await ask(european, model, surface)).status).toBeGreaterThanOrEqual(400)
      expect((await ask(anywhere, alone, surface)).status).toBeGreaterThanOrEqual(400)
    }
    expect(calls()).toBe(before)
    // The host itself is as good as it was.
    expect(await ask(european, 'phi3')).toEqual({ status: 200, host: 'eu' })
    const { rows } = await stack.owner.query(`SELECT h.name, d.model FROM deployment d JOIN host h ON h.id = d.host_id ORDER BY 1, 2`)
    expect(rows).toEqual([{ name: 'eu', model: 'phi3' }, { name: 'us', model: shared }])
    expect((await stack.owner.query(`SELECT FROM model WHERE name = $1`, [alone])).rowCount).toBe(0)
  })

  it('are named to the operator with the reason: when the host is probed, and once in the log', async () => {
    const named = ['gpt-oss:120b', 'llama3.2:latest']
    const { body } = await admin.call('POST', '/admin/hosts/eu/probe', { token })
    expect(body).toMatchObject({ models_found: ['phi3'], models_forwarded: named, warnings: expect.arrayContaining([expect.stringMatching(/forwards these models to a cloud \(remote_host\).*: gpt-oss:120b, llama3\.2:latest\.$/)]) })
    const lines = told.mock.calls.filter(([, text]) => text === 'a host forwards models to a cloud: they are not served')
    expect(lines.at(-1)).toEqual([{ host: 'eu', region: 'eu-west', models: named }, expect.any(String)])
    await afterTwoProbes()
    expect(told.mock.calls.filter(([, text]) => text === 'a host forwards models to a cloud: they are not served')).toHaveLength(lines.length)
  })
})
