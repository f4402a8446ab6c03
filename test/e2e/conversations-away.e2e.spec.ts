import { randomUUID } from 'node:crypto'
import { eventually, redisTargets, startStack, type FaultProxy, type SeededTenant, type Stack } from '../support'
import { behind, proxyOfPostgres } from './evidence'

const { url: redisUrl } = redisTargets().at(-1)!
/** Longer than the promise of three seconds, shorter than any time-out of a connection. */
const SOON_MS = 8_000

describe('conversations while Postgres fails', () => {
  let stack: Stack
  let postgres: FaultProxy
  let tenant: SeededTenant
  let id: string
  beforeAll(async () => {
    postgres = await proxyOfPostgres()
    stack = await startStack({ redisUrl, throughProxy: (url) => behind(postgres, url), env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
    tenant = await stack.addTenant()
    id = (await (await stack.post('/v1/conversations', tenant.key, {})).json() as { id: string }).id
  })
  afterAll(async () => {
    await postgres.set({ is: 'none' })
    postgres.cut()
    await stack.stop()
    await postgres.stop()
  })

  // oxlint-disable-next-line typescript/no-explicit-any -- specs look into replies of every shape
  const say = async (message: string, headers: Record<string, string> = {}): Promise<{ status: number; body: any }> => {
    const response = await fetch(`${stack.url}/chat`, { method: 'POST', signal: AbortSignal.timeout(SOON_MS), headers: { 'x-api-key': tenant.key, 'content-type': 'application/json', ...headers }, body: JSON.stringify({ message, conversation_id: id, model: 'llama3.2' }) })
    return { status: response.status, body: await response.json() }
  }
  const turns = async () => ((await (await fetch(`${stack.url}/v1/conversations/${id}/turns`, { headers: { 'x-api-key': tenant.key } })).json()) as { data: { messages: { content: string }[] }[] }).data.map(({ messages }) => messages[0]!.content)
  const asked = () => stack.sandbox.hosts.reduce((sum, host) => sum + host.log().filter(({ path }) => path.includes('chat')).length, 0)

  it.each([{ is: 'refuse' }, { is: 'black-hole' }] as const)('$is: nothing is run and the caller hears so soon; afterwards they go on', async (fault) => {
    const before = [await turns(), asked()]
    await postgres.set(fault)
    expect(await say('away')).toMatchObject({ status: 503, body: { code: 'conversations_unavailable', retry_after: 2 } })
    await postgres.set({ is: 'none' })
    postgres.cut()
    expect([await eventually(turns), asked()]).toEqual(before)
    await eventually(async () => expect((await say(`back from ${fault.is}`)).status).toBe(200), { timeoutMs: 30_000 })
    expect((await turns()).at(-1)).toBe(`back from ${fault.is}`)
  }, 60_000)

  it('an answer whose turn is lost on its way to the store is given all the same, with a warning, and the next turn goes on', async () => {
    const before = await turns()
    let isHit = false
    await postgres.set({ is: 'intercept', matches: (bytes) => bytes.includes('UPDATE conversation SET turns'), tell: () => void (isHit = true) })
    const { status, body } = await say('lost')
    expect([status, isHit, body.response.length > 0, body.warnings.includes('this turn may be missing from the conversation: its store did not answer in time')]).toEqual([200, true, true, true])
    await eventually(async () => expect((await say('next')).status).toBe(200), { timeoutMs: 30_000 })
    expect(await turns()).toEqual([...before, 'next'])
  }, 60_000)

  it('under an Idempotency-Key add one turn, however often they are sent', async () => {
    const before = await turns()
    const key = { 'idempotency-key': randomUUID() }
    expect([(await say('once', key)).status, (await say('once', key)).status]).toEqual([200, 409])
    expect(await turns()).toEqual([...before, 'once'])
  })
})
