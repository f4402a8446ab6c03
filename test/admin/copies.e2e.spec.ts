import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support/index'
import { startAdmin, type AdminApp } from './admin-app'

const MODEL = 'qwen2.5:3b'
const HOSTS = ['us-1', 'us-2', 'us-3']
const SOON = { TOLLGATE_COPIES_GRACE_MS: '500' }
jest.setTimeout(90_000)

describe('copies of a model', () => {
  let stack: Stack
  let admin: AdminApp
  let token: string
  let tenant: SeededTenant
  beforeAll(async () => {
    stack = await startStack({
      redisUrl: redisTargets().at(-1)!.url,
      hosts: [...HOSTS.map((name) => ({ name, region: 'us-east', dialect: 'ollama' as const, models: ['phi3'] })), { name: 'eu-1', region: 'eu-west', dialect: 'ollama', models: ['phi3'] }],
      env: { ...SOON, TOLLGATE_PROBE_INTERVAL_MS: '300' },
    })
    admin = await startAdmin({ ...SOON, TOLLGATE_SECRETS_KEY: stack.config.TOLLGATE_SECRETS_KEY }, stack.database)
    token = await admin.personToken('ops')
    tenant = await stack.addTenant({ tier: 'enterprise' })
    await admin.call('POST', '/admin/models/add', { token, body: { name: MODEL } })
  })
  afterAll(async () => {
    await admin.stop()
    await stack.stop()
  })

  const want = (copies: unknown, model = MODEL) => admin.call('PUT', `/admin/models/${encodeURIComponent(model)}/copies`, { token, body: { copies } })
  const standing = async (model = MODEL) => (await admin.call('GET', `/admin/models/${encodeURIComponent(model)}/copies`, { token })).body.copies
  const jobs = async () => (await admin.call('GET', `/admin/jobs?limit=100`, { token })).body.data as { kind: string; host: string; model: string; state: string; created_at: string; finished_at: string }[]
  /** What the hosts themselves say they hold. */
  const holders = async (model = MODEL) => {
    const held = await Promise.all(
      [...HOSTS, 'eu-1'].map(async (name) => {
        const { models } = (await (await fetch(`${stack.sandbox.host(name).baseUrl}/api/tags`).catch(() => Response.json({ models: [] }))).json()) as { models: { name: string }[] }
        return models.some((entry) => entry.name === model) ? [name] : []
      }),
    )
    return held.flat()
  }
  const reached = (live: number, model = MODEL) =>
    eventually(async () => {
      expect(await standing(model.replace(':latest', ''))).toEqual([expect.objectContaining({ live, state: 'reached', reason: null })])
      expect(await holders(model)).toHaveLength(live)
    }, { timeoutMs: 40_000 })

  it('come onto as many hosts of the region as wanted, one after the other, and are served', async () => {
    expect((await want([{ region: 'us-east', copies: 2 }])).body).toEqual({ model: MODEL, copies: [{ region: 'us-east', copies: 2, min_live: 1, live: 0, state: 'working', reason: null }] })
    await reached(2)
    const pulls = (await jobs()).filter(({ kind, model }) => kind === 'pull' && model === MODEL).reverse()
    expect(pulls.map(({ state }) => state)).toEqual(['succeeded', 'succeeded'])
    expect(pulls[1]!.created_at >= pulls[0]!.finished_at).toBe(true)
    await eventually(async () => expect((await stack.post('/chat', tenant.key, { message: 'one two', model: MODEL })).status).toBe(200))
  })

  it('are made up for when a host dies, also one at work, and too many are taken away when it is back', async () => {
    const before = await holders()
    const [dead] = before
    const [other] = HOSTS.filter((name) => !before.includes(name))
    await stack.sandbox.host(other!).set('pull;rate=400;total=4000')
    await stack.sandbox.host(dead!).stop()
    await eventually(async () => expect((await jobs()).find(({ host, kind }) => host === other && kind === 'pull')?.state).toBe('running'), { timeoutMs: 20_000 })
    await stack.sandbox.host(other!).stop()
    await eventually(async () => expect((await jobs()).find(({ host, kind }) => host === other && kind === 'pull')?.state).toBe('cancelled'), { timeoutMs: 20_000 })
    expect((await standing())[0]).toMatchObject({ live: 1, state: 'blocked', reason: 'every live host of the region that takes calls holds one' })
    await stack.sandbox.host(other!).start()
    await stack.sandbox.host(other!).set('ok')
    await eventually(async () => expect(await holders()).toContain(other), { timeoutMs: 40_000 })
    await stack.sandbox.host(dead!).start()
    await reached(2)
  })

  it('are made from a Modelfile where its base is, and replaced when it changes, never fewer live than the least', async () => {
    await admin.call('POST', '/admin/models/create/ada', { token, body: { modelfile: `FROM ${MODEL}\nSYSTEM one\n`, hosts: [(await holders())[0]] } })
    await want([{ region: 'us-east', copies: 2, min_live: 1 }], 'ada')
    await reached(2, 'ada:latest')
    const digests = async () => (await admin.call('GET', '/admin/models/ada/versions', { token })).body.digests as { digest: string; hosts: string[] }[]
    const [first] = await digests()
    const [host] = await holders('ada:latest')
    const { body } = await admin.call('POST', '/admin/models/create/ada', { token, body: { modelfile: `FROM ${MODEL}\nSYSTEM two\n`, hosts: [host] } })
    expect(body.jobs).toHaveLength(1)
    await eventually(async () => {
      const [now, ...others] = await digests()
      expect([others, now!.hosts.length, now!.digest === first!.digest]).toEqual([[], 2, false])
    }, { timeoutMs: 40_000 })
  })

  it('are not made where the disk has no room, and it says so', async () => {
    await stack.owner.query(`UPDATE host SET disk_bytes = 1 WHERE name = 'eu-1'`)
    await want([{ region: 'us-east', copies: 2 }, { region: 'eu-west', copies: 1 }])
    expect((await standing())[0]).toMatchObject({ region: 'eu-west', live: 0, state: 'blocked', reason: 'no host has room on its disk: eu-1' })
    await want([{ region: 'us-east', copies: 0 }])
    await reached(0)
  })

  it.each<[unknown, string]>([
    [[{ region: 'mars', copies: 1 }], 'copies.0.region'],
    [[{ region: 'us-east', copies: 1, min_live: 2 }], 'copies.0.min_live'],
    [[{ region: 'us-east', copies: 1 }, { region: 'us-east', copies: 2 }], 'copies.1.region'],
    [[{ region: 'us-east', copies: -1 }], 'copies.0.copies'],
    [[{ region: 'us-east', copies: 1, host: 'x' }], 'copies.0.host'],
  ])('%j is refused, and changes nothing', async (copies, path) => {
    const before = await standing()
    expect(await want(copies)).toMatchObject({ status: 400, body: { errors: [{ path }] } })
    expect(await standing()).toEqual(before)
  })

  it('are of models that the catalogue knows', async () => expect(await want([], 'unheard-of')).toMatchObject({ status: 404, body: { detail: 'Model unheard-of not found' } }))
})
