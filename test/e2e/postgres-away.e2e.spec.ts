import { randomBytes } from 'node:crypto'
import { findRedisServer, startPrivateRedis, type PrivateRedis } from '../../libs/platform/embedded'
import { mintApiKey } from '../../libs/tenants'
import { eventually, FaultProxy, startStack, tempFolder, type SeededTenant, type Stack } from '../support'
import { atRest, behind, ledgerSum, proxyOfPostgres, usageOf } from './evidence'

const hasServer = findRedisServer() !== null
const outbox = hasServer ? describe : describe.skip

outbox(`Postgres away, usage in the outbox of a durable Redis${hasServer ? '' : ' (skipped: no valkey-server or redis-server on PATH)'}`, () => {
  let stack: Stack
  let postgres: FaultProxy
  let redis: PrivateRedis
  let tenant: SeededTenant
  const folder = tempFolder()
  beforeAll(async () => {
    redis = await startPrivateRedis({ dir: folder.path, kind: 'server', appendOnly: true })
    postgres = await proxyOfPostgres()
    stack = await startStack({ redisUrl: redis.url, throughProxy: (url) => behind(postgres, url), env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
    tenant = await stack.addTenant()
  })
  afterAll(async () => {
    await postgres.set({ is: 'none' })
    postgres.cut()
    await stack.stop()
    await Promise.all([postgres.stop(), redis.stop()])
    folder.remove()
  })

  const ask = (key: string) => fetch(`${stack.url}/chat`, { method: 'POST', signal: AbortSignal.timeout(8_000), headers: { 'x-api-key': key, 'content-type': 'application/json' }, body: JSON.stringify({ message: 'one two', model: 'llama3.2' }) })
  const readiness = async () => {
    const response = await fetch(`${stack.url}/readyz`, { signal: AbortSignal.timeout(3_000) })
    const { checks } = (await response.json()) as { checks: Record<string, string> }
    return { status: response.status, checks }
  }
  const unknownKey = () => mintApiKey('live', (length) => randomBytes(length)).key

  it.each([{ is: 'refuse' }, { is: 'black-hole' }] as const)('$is: known keys are served, unknown ones get 503, and all usage arrives afterwards', async (fault) => {
    expect((await ask(tenant.key)).status).toBe(200)
    // A connection that is open already, and will not hear of the fault.
    expect((await ask(unknownKey())).status).toBe(401)
    const served = () => stack.sandbox.hosts.flatMap((host) => host.log()).filter(({ end }) => end === 'completed')
    const before = served().length
    await eventually(async () => expect(await usageOf(stack.owner, tenant.id)).toHaveLength(before), { timeoutMs: 8_000 })
    await postgres.set(fault)
    const statuses = await Promise.all(Array.from({ length: 8 }, async () => (await ask(tenant.key)).status))
    expect(statuses).toEqual(Array<number>(8).fill(200))
    const startedAt = performance.now()
    const unknown = await ask(unknownKey())
    expect(performance.now() - startedAt).toBeLessThan(4_000)
    expect(unknown.status).toBe(503)
    expect(unknown.headers.get('retry-after')).toBe('2')
    expect(await unknown.json()).toMatchObject({ code: 'accounts_unavailable' })
    expect(await readiness()).toMatchObject({ status: 503, checks: { postgres: 'failed', redis: 'ok' } })
    expect((await fetch(`${stack.url}/healthz`)).status).toBe(200)
    expect(await usageOf(stack.owner, tenant.id)).toHaveLength(before)
    await postgres.set({ is: 'none' })
    postgres.cut()
    const rows = await eventually(
      async () => {
        const all = await usageOf(stack.owner, tenant.id)
        expect(all).toHaveLength(before + 8)
        return all
      },
      { timeoutMs: 15_000 },
    )
    expect(rows.map(({ rid }) => rid).sort()).toEqual(served().map(({ request_id: rid }) => rid).sort())
    expect(await ledgerSum(stack.owner, tenant.id)).toBe(rows.reduce((sum, row) => sum + row.amount_pico, 0n))
    await eventually(async () => expect(await readiness()).toMatchObject({ status: 200 }))
    expect((await ask(unknownKey())).status).toBe(401)
    await atRest(redis.url)
  }, 40_000)

  it('a known key whose tenant has not asked for a model yet gets 503, not 500, and is served afterwards', async () => {
    const young = await stack.addTenant()
    const refused = await fetch(`${stack.url}/chat`, { method: 'POST', headers: { 'x-api-key': young.key, 'content-type': 'application/json' }, body: '{}' })
    expect(refused.status).toBe(400)
    await postgres.set({ is: 'refuse' })
    postgres.cut()
    const response = await ask(young.key)
    expect([response.status, await response.json()]).toEqual([503, expect.objectContaining({ code: 'accounts_unavailable' })])
    await postgres.set({ is: 'none' })
    await eventually(async () => expect((await ask(young.key)).status).toBe(200))
  }, 40_000)
})
