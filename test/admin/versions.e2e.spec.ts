import { CatalogService } from '../../libs/catalog'
import { HostsService } from '../../libs/hosts'
import { canonicalModel } from '../../libs/kernel'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support/index'
import { startAdmin, type AdminApp } from './admin-app'

/** How soon a change holds everywhere: looked up where calls look it up, since a call of its own may take longer than this on a slow machine. */
const REACHES_ALL_MS = 1_000

describe('versions of a model', () => {
  let stack: Stack
  let admin: AdminApp
  let token: string
  let tenant: SeededTenant
  beforeAll(async () => {
    stack = await startStack({
      redisUrl: redisTargets().at(-1)!.url,
      gateways: 2,
      hosts: [
        { name: 'us-1', region: 'us-east', dialect: 'ollama', models: ['phi3', 'mistral:7b'] },
        { name: 'us-2', region: 'us-east', dialect: 'ollama', models: ['phi3'] },
      ],
    })
    admin = await startAdmin({ TOLLGATE_SECRETS_KEY: stack.config.TOLLGATE_SECRETS_KEY }, stack.database)
    token = await admin.personToken('ops')
    tenant = await stack.addTenant({ tier: 'enterprise' })
  })
  afterAll(async () => {
    await admin.stop()
    await stack.stop()
  })

  const post = async (path: string, body: unknown = {}) => (await admin.call('POST', `/admin/models/${path}`, { token, body })).body
  const versions = async (model: string) => (await admin.call('GET', `/admin/models/${model}/versions`, { token })).body
  const item = async (model: string) => (await admin.call('GET', '/admin/models', { token })).body.models[model]
  const create = async (modelfile: string, hosts?: string[]) => {
    const { jobs } = await post('create/ada', { modelfile, ...(hosts ? { hosts } : {}) })
    await eventually(async () => {
      for (const { id } of jobs) expect((await admin.call('GET', `/admin/jobs/${id}`, { token })).body.state).toBe('succeeded')
    }, { timeoutMs: 20_000 })
  }
  /** Which weights answer: the names hosts were asked for, by gateway, after a call to each. */
  const chat = async (gateway: number, model = 'ada') => {
    const reply = await fetch(`${stack.urls[gateway]}/chat`, { method: 'POST', headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' }, body: JSON.stringify({ message: 'one two', model }) })
    const { host } = (await reply.json()) as { host?: string }
    if (reply.status !== 200) return reply.status
    const asked = stack.sandbox.host(host!).log().filter(({ path }) => path === '/api/chat').at(-1)!
    return canonicalModel((asked.body as { model: string }).model)
  }

  /** Which weights each gateway asks which hosts for. */
  const asksFor = () => stack.gateways.map((gateway) => gateway.get(HostsService).candidates('ada').map(({ hostName, upstreamModel }) => [hostName, canonicalModel(upstreamModel)]).sort())
  const onBoth = (...weights: [host: string, model: unknown][]) => eventually(() => expect(asksFor()).toEqual([weights, weights]), { timeoutMs: REACHES_ALL_MS })

  it('are kept with each change and with each digest that a host is found to hold', async () => {
    await create('FROM phi3\nSYSTEM one\n')
    await eventually(async () => expect((await versions('ada')).data[0]?.digest).toMatch(/^[0-9a-f]{64}$/))
    await create('FROM phi3\nSYSTEM two\n')
    await eventually(async () => {
      const { data, current_version, drift } = await versions('ada')
      expect(data).toMatchObject([{ version: 3, modelfile: expect.stringContaining('two'), hosts: ['us-1', 'us-2'], kept_by: [] }, { version: 2, modelfile: expect.stringContaining('one'), hosts: [], kept_by: ['us-1', 'us-2'] }, { version: 1, modelfile: null }])
      expect([current_version, drift]).toEqual([3, null])
    })
    expect(Object.keys((await admin.call('GET', '/admin/models', { token })).body.models).filter((name) => name.includes('kept'))).toEqual([])
  })

  it('are gone back to in one call, which every gateway obeys within a second', async () => {
    await eventually(async () => expect([await chat(0), await chat(1)]).toEqual(['ada', 'ada']))
    const reply = await post('ada/rollback')
    expect(reply).toMatchObject({ status: 'success', message: 'Model ada rolled back to version 2', version: 2, pinned_digest: (await versions('ada')).data[1].digest, jobs: [] })
    const kept = expect.stringMatching(/^tollgate-kept\/ada:/)
    await onBoth(['us-1', kept], ['us-2', kept])
    await eventually(async () => expect([await chat(0), await chat(1)]).toEqual([kept, kept]))
    expect(await item('ada')).toMatchObject({ status: 'available', current_version: 2, modelfile: expect.stringContaining('one'), drift: { kind: 'off_pin', hosts: ['us-1', 'us-2'] } })
    expect(await post('ada/rollback', { version: 3 })).toMatchObject({ version: 3 })
    await onBoth(['us-1', 'ada'], ['us-2', 'ada'])
    await eventually(async () => expect([await chat(0), await chat(1)]).toEqual(['ada', 'ada']))
    await post('ada/pin', { digest: null })
  })

  it('that no host has any more are built anew from their Modelfile', async () => {
    await create('FROM phi3\nSYSTEM three\n')
    await create('FROM phi3\nSYSTEM four\n')
    await eventually(async () => expect((await versions('ada')).data[0]).toMatchObject({ version: 5, hosts: ['us-1', 'us-2'] }))
    const reply = await post('ada/rollback', { version: 2 })
    expect(reply).toMatchObject({ message: 'Model ada rolled back to version 2, which hosts are building', pinned_digest: null })
    expect(reply.jobs.map(({ kind, host }: { kind: string; host: string }) => `${kind} ${host}`).sort()).toEqual(['create us-1', 'create us-2'])
    await eventually(async () => expect((await versions('ada')).data.find(({ version }: { version: number }) => version === 2).hosts).toEqual(['us-1', 'us-2']), { timeoutMs: 20_000 })
  })

  it('drift when hosts hold different weights: seen in the catalogue and the metrics, and a pin keeps calls off', async () => {
    await create('FROM phi3\nSYSTEM five\n', ['us-2'])
    const [old, fresh] = await eventually(async () => {
      const { digests, drift } = await versions('ada')
      expect(drift).toMatchObject({ kind: 'mixed' })
      return ['us-1', 'us-2'].map((host) => digests.find(({ hosts }: { hosts: string[] }) => hosts[0] === host).digest) as [string, string]
    })
    await eventually(async () => expect(await (await fetch(`${stack.url}/metrics`)).text()).toMatch(/^tollgate_models_drifted 1$/m))
    expect(await post('ada/pin', { digest: fresh.slice(0, 12) })).toEqual({ status: 'success', message: `Model ada is pinned to ${fresh.slice(0, 12)}`, pinned_digest: fresh })
    await stack.sandbox.host('us-2').set('refuse')
    await onBoth(['us-2', 'ada'])
    await eventually(async () => expect([await chat(0), await chat(1)].every((answer) => answer !== 'ada')).toBe(true))
    const before = stack.sandbox.host('us-1').log().length
    for (const gateway of [0, 1]) expect(await chat(gateway)).not.toBe('ada')
    expect(stack.sandbox.host('us-1').log().slice(before).filter(({ path }) => path === '/api/chat')).toEqual([])
    await stack.sandbox.host('us-2').set('ok')
    expect((await item('ada')).drift).toEqual({ kind: 'off_pin', hosts: ['us-1'] })
    await post('ada/pin', { digest: old })
    await post('ada/pin', { digest: null })
  })

  it('hold parameters and prompt, which the gateway fills in where the caller says nothing', async () => {
    await admin.call('PUT', '/admin/models/mistral%3A7b', { token, body: { parameters: { temperature: 0.3, max_tokens: 40 }, prompt: 'Be brief.' } })
    const prompts = () => stack.gateways.map((gateway) => gateway.get(CatalogService).model('mistral:7b')!.prompt)
    await eventually(() => expect(prompts()).toEqual(['Be brief.', 'Be brief.']), { timeoutMs: REACHES_ALL_MS })
    await eventually(async () => {
      expect(await chat(0, 'mistral:7b')).toBe('mistral:7b')
      const asked = stack.sandbox.host('us-1').log().filter(({ path }) => path === '/api/chat').at(-1)!.body
      expect(asked).toMatchObject({ messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user' }], options: { temperature: 0.3, num_predict: 40 } })
    })
    expect(await post('mistral%3A7b/rollback')).toMatchObject({ status: 'success', pinned_digest: null, jobs: [] })
    await eventually(() => expect(prompts()).toEqual([null, null]), { timeoutMs: REACHES_ALL_MS })
    await eventually(async () => {
      await chat(1, 'mistral:7b')
      expect(stack.sandbox.host('us-1').log().filter(({ path }) => path === '/api/chat').at(-1)!.body).toMatchObject({ messages: [{ role: 'user' }] })
    })
  })

  it.each<[string, object, number, unknown]>([
    ['ada/pin', { digest: 'f'.repeat(64) }, 400, { errors: [{ path: 'digest', message: expect.stringContaining('is not the digest of weights') }] }],
    ['ada/pin', { digest: 'abc' }, 400, { errors: [{ path: 'digest' }] }],
    ['ada/pin', {}, 400, { errors: [{ path: 'digest' }] }],
    ['ada/rollback', { version: 99 }, 400, { errors: [{ path: 'version', message: 'cannot be gone back to: there is no version 99' }] }],
    ['unheard-of/rollback', {}, 404, { detail: 'Model unheard-of not found' }],
    ['unheard-of/pin', { digest: null }, 404, { detail: 'Model unheard-of not found' }],
  ])('%s %j is refused', async (path, body, status, told) => {
    expect(await admin.call('POST', `/admin/models/${path}`, { token, body })).toMatchObject({ status, body: told })
  })
})
