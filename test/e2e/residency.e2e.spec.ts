import { createPublicKey, verify, type JsonWebKey } from 'node:crypto'
import fc from 'fast-check'
import type { SandboxHostOptions } from '../../apps/sandbox/src'
import { documented, eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'

const { url: redisUrl } = redisTargets().at(-1)!
const MODELS = ['phi3', 'llama3.2']
const HOSTS: SandboxHostOptions[] = [
  { name: 'eu-1', region: 'eu-west', dialect: 'ollama', models: MODELS },
  { name: 'eu-2', region: 'eu-west', dialect: 'openai', models: MODELS },
  { name: 'us-1', region: 'us-east', dialect: 'ollama', models: MODELS },
  { name: 'asia-1', region: 'asia-pacific', dialect: 'openai', models: MODELS },
]
const SURFACES: readonly [string, (model: string, stream: boolean) => object][] = [
  ['/chat', (model, stream) => ({ message: 'one two', model, stream })],
  ['/v1/chat/completions', (model, stream) => ({ messages: [{ role: 'user', content: 'one two' }], model, stream })],
  ['/v1/messages', (model, stream) => ({ messages: [{ role: 'user', content: 'one two' }], model, stream, max_tokens: 50 })],
  ['/api/chat', (model, stream) => ({ messages: [{ role: 'user', content: 'one two' }], model, stream })],
]

/** Draws faults, surfaces and models; `FC_SEED=7` draws others. */
const SEED = 20_261_121

describe('residency', () => {
  let stack: Stack
  let european: SeededTenant
  let stranger: SeededTenant
  beforeAll(async () => {
    stack = await startStack({ redisUrl, hosts: HOSTS })
    european = await stack.addTenant({ tier: 'enterprise', homeRegion: 'eu-west', allowedRegions: ['eu-west'] })
    stranger = await stack.addTenant()
  })
  afterAll(() => stack.stop())

  const get = async (path: string, key = european.key) => {
    const response = await documented('GET', await fetch(stack.url + path, { headers: { 'x-api-key': key } }))
    // oxlint-disable-next-line typescript/no-explicit-any -- specs look into replies of every shape
    return { status: response.status, body: (await response.json()) as any }
  }
  const receiptOf = (id: string) => eventually(async () => {
    const reply = await get(`/v1/requests/${id}/receipt`)
    if (reply.status !== 200) throw new Error(JSON.stringify(reply.body))
    return reply.body as { receipt: Record<string, unknown>; jws: string; public_key: JsonWebKey & { kid: string } }
  }, { timeoutMs: 8_000 })
  const ask = async (host: string) => {
    for (const { name } of HOSTS) await stack.sandbox.host(name).set(name === host ? 'ok' : 'busy')
    const response = await stack.post('/chat', european.key, { message: 'one two', model: 'phi3' })
    for (const { name } of HOSTS) await stack.sandbox.host(name).set('ok')
    return (await response.json()) as { request_id: string; host: string }
  }

  it('is shown by a receipt that anybody verifies offline: tenant, host, region, weights and time', async () => {
    await eventually(async () => expect((await stack.owner.query('SELECT FROM deployment WHERE digest IS NULL AND host_id IN (SELECT id FROM host WHERE provider = $1)', ['ollama'])).rowCount).toBe(0))
    // The weights are told to the gateway by a notice; a call or two may be answered before it.
    const { receipt, jws, public_key } = await eventually(async () => {
      const told = await receiptOf((await ask('eu-1')).request_id)
      expect(told.receipt.model_digest).toMatch(/^[0-9a-f]{64}$/)
      return told
    }, { timeoutMs: 15_000 })
    const { models } = (await (await fetch(`${stack.sandbox.host('eu-1').baseUrl}/api/tags`)).json()) as { models: { name: string; digest: string }[] }
    expect(receipt).toMatchObject({ tenant: { id: european.id, slug: european.slug }, host: 'eu-1', region: 'eu-west', provider: 'ollama', model: 'phi3', allowed_regions: ['eu-west'], status: 'completed' })
    expect(receipt.model_digest).toBe(models.find(({ name }) => name.startsWith('phi3'))!.digest)
    expect(Date.parse(String(receipt.started_at))).toBeLessThanOrEqual(Date.parse(String(receipt.recorded_at)))

    const { keys } = (await (await fetch(`${stack.url}/.well-known/jwks.json`)).json()) as { keys: JsonWebKey[] }
    expect(keys).toEqual([public_key])
    const [head, body, signature] = jws.split('.') as [string, string, string]
    const isSigned = (text: string) => verify(null, Buffer.from(text), createPublicKey({ key: keys[0]!, format: 'jwk' }), Buffer.from(signature, 'base64url'))
    expect(JSON.parse(Buffer.from(head, 'base64url').toString())).toEqual({ alg: 'EdDSA', typ: 'tollgate-receipt+jwt', kid: public_key.kid })
    expect(JSON.parse(Buffer.from(body, 'base64url').toString())).toEqual(receipt)
    expect(isSigned(`${head}.${body}`)).toBe(true)
    const forged = Buffer.from(JSON.stringify({ ...receipt, region: 'us-east' })).toString('base64url')
    expect(isSigned(`${head}.${forged}`)).toBe(false)
  })

  it('names every host that was sent the request, and no weights where the provider tells none', async () => {
    const { receipt } = await receiptOf((await ask('eu-2')).request_id)
    expect(receipt).toMatchObject({ host: 'eu-2', provider: 'openai', model_digest: null })
    expect(receipt.attempts).toContainEqual({ host: 'eu-2', region: 'eu-west', provider: 'openai' })
  })

  it("keeps a receipt from other tenants, and has none for what reached no host", async () => {
    const { request_id } = await ask('eu-1')
    await receiptOf(request_id)
    expect(await get(`/v1/requests/${request_id}/receipt`, stranger.key)).toMatchObject({ status: 404, body: { error: { code: 'request_not_recorded' } } })
    expect(await get('/v1/requests/nonsense/receipt')).toMatchObject({ status: 404 })
  })

  it('is compared once more by the database: a row outside its regions is refused', async () => {
    await stack.settled()
    const { rows } = await stack.owner.query<{ rid: string }>(`UPDATE usage SET status = status WHERE tenant_id = $1 RETURNING rid`, [european.id])
    expect(rows.length).toBeGreaterThan(0)
    await expect(stack.owner.query(`UPDATE usage SET region = 'us-east' WHERE rid = $1`, [rows[0]!.rid])).rejects.toThrow('usage_region_allowed')
    await expect(stack.owner.query(`UPDATE usage SET allowed_regions = '{}' WHERE rid = $1`, [rows[0]!.rid])).rejects.toThrow('usage_region_allowed')
  })

  it('holds while every host inside is down: not one byte reaches a host outside, whatever is asked', async () => {
    await stack.settled()
    const outside = HOSTS.filter(({ region }) => region !== 'eu-west').map(({ name }) => stack.sandbox.host(name))
    const seed = Number(process.env.FC_SEED ?? SEED)
    const inferences = () => outside.map((host) => host.log().filter(({ method, path }) => method === 'POST' && path !== '/api/show').length)
    const before = inferences()
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('refuse', 'busy', 'reset-first'), fc.constantFrom(...SURFACES), fc.constantFrom(...MODELS, 'auto:phi3', 'openai:phi3', 'ollama/llama3.2'), fc.boolean(), async (fault, [path, body], model, stream) => {
        for (const name of ['eu-1', 'eu-2']) await stack.sandbox.host(name).set(fault)
        const response = await stack.post(path, european.key, body(model, stream))
        await response.text()
        expect(response.status).toBeGreaterThanOrEqual(400)
        expect(inferences()).toEqual(before)
      }),
      { seed, numRuns: 40 },
    )
    expect((await stack.owner.query(`SELECT FROM provider_cost WHERE tenant_id = $1 AND region <> 'eu-west'`, [european.id])).rowCount).toBe(0)
  }, 90_000)
})
