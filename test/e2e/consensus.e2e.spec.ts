import { randomUUID } from 'node:crypto'
import { documented, eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { atRest, ledgerSum, usageOf } from './evidence'

const { url: redisUrl } = redisTargets().at(-1)!
const MODELS = ['phi3', 'llama3.2', 'mistral:7b', 'qwen3:14b']
/** A host for each model, so that each can say something of its own. */
const HOSTS = MODELS.map((model, index) => ({ name: `h${index}`, region: 'us-east', dialect: 'ollama' as const, models: [model], defaults: { gap: 0 } }))
const THREE = MODELS.slice(0, 3)

describe('consensus', () => {
  let stack: Stack
  let tenant: SeededTenant
  beforeAll(async () => {
    stack = await startStack({ redisUrl, hosts: HOSTS, env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
    await stack.owner.query(`INSERT INTO tier (slug, version, name, models, features, max_output_tokens, rpm_limit, max_parallel_requests) VALUES ('panel', 1, 'Panel', '{*}', '{"consensus": 3}', 1000, 1000, 100)`)
    for (const gateway of stack.gateways) await refreshTiers(gateway)
  })
  beforeEach(async () => {
    tenant = await stack.addTenant({ tier: 'panel' })
    for (const host of stack.sandbox.hosts) await host.reset()
  })
  afterAll(() => stack?.stop())

  const refreshTiers = async (gateway: Stack['gateways'][number]) => {
    const { TiersService } = await import('../../libs/tiers')
    await gateway.get(TiersService, { strict: false }).refresh()
  }
  const says = (index: number, text: string) => stack.sandbox.host(`h${index}`).set({ name: 'ok', params: { text } })
  const ask = async (body: object, headers: Record<string, string> = {}, key = tenant.key) => {
    const response = await stack.post('/chat/consensus', key, { message: 'Capital of France?', models: THREE, ...body }, headers)
    // oxlint-disable-next-line typescript/no-explicit-any -- specs look into replies of every shape
    return { status: response.status, body: (await response.json()) as any }
  }
  const sent = () => stack.sandbox.hosts.reduce((sum, host) => sum + host.log().filter(({ path }) => path === '/api/chat').length, 0)
  /** What the explanation of a request says of its consensus, once it is kept. */
  const explained = (rid: string) =>
    eventually(async () => {
      const response = await documented('GET', await fetch(`${stack.url}/v1/requests/${rid}/explain`, { headers: { 'x-api-key': tenant.key } }))
      expect(response.status).toBe(200)
      // oxlint-disable-next-line typescript/no-explicit-any -- specs look into replies of every shape
      return ((await response.json()) as any).decision.consensus
    })
  /** The children of a request in the books, and what the ledger moved for them. */
  const family = async (rid: string) =>
    (await stack.owner.query<{ rids: string[]; billed: string; posted: string }>('SELECT array_agg(u.rid ORDER BY u.rid) AS rids, sum(u.amount_pico)::text AS billed, sum(l.delta_pico)::text AS posted FROM usage u JOIN ledger l USING (day, rid) WHERE u.parent_rid = $1', [rid])).rows[0]!
  const recorded = async (rid: string, key = tenant.key) => {
    const response = await documented('GET', await fetch(`${stack.url}/v1/requests/${rid}`, { headers: { 'x-api-key': key } }))
    // oxlint-disable-next-line typescript/no-explicit-any -- specs look into replies of every shape
    return (await response.json()) as any
  }
  /** The bill as decimal, from pico. */
  const money = (pico: bigint) => Number(pico) / 1e12

  it('answers what most models say, shows every answer, and bills the sum of what each cost', async () => {
    await says(0, 'Lyon')
    await says(1, 'Paris.')
    await says(2, 'paris')
    const { status, body } = await ask({})
    expect([status, body.response, body.model]).toEqual([200, 'Paris.', 'llama3.2'])
    expect(body.consensus).toMatchObject({ method: 'vote', agreement: { votes: 2, answers: 3 }, answers: [{ model: 'phi3', response: 'Lyon', chosen: false }, { model: 'llama3.2', chosen: true }, { model: 'mistral:7b', chosen: false }] })
    await stack.settled()
    const rows = await usageOf(stack.owner, tenant.id)
    expect(rows.map(({ rid }) => rid).sort()).toEqual(body.consensus.answers.map((answer: { request_id: string }) => answer.request_id).sort())
    expect(body.request_id).toBe(body.consensus.answers[0].request_id)
    expect(Number(body.usage.cost)).toBe(money(rows.reduce((sum, { amount_pico: pico }) => sum + pico, 0n)))
    expect(await ledgerSum(stack.owner, tenant.id)).toBe(rows.reduce((sum, { amount_pico: pico }) => sum + pico, 0n))
    expect(body.usage.prompt_tokens).toBe(rows.reduce((sum, row) => sum + row.prompt_tokens, 0))
    for (const answer of body.consensus.answers) expect(Number(answer.usage.cost)).toBe(money(rows.find(({ rid }) => rid === answer.request_id)!.amount_pico))
  })

  it('lets a judge choose by number, and bills it too', async () => {
    await says(0, 'one')
    await says(1, 'two')
    await says(2, 'three')
    await says(3, 'Answer 3')
    const { body } = await ask({ judge: 'judge', system: 'be brief' })
    expect([body.response, body.consensus.method, body.consensus.judge]).toMatchObject(['three', 'judge', { model: 'qwen3:14b', response: 'Answer 3' }])
    const asked = JSON.stringify(stack.sandbox.host('h3').log().at(-1)!.body)
    expect([asked.includes('Capital of France?'), asked.includes('<answer number=\\"2\\">\\ntwo')]).toEqual([true, true])
    await stack.settled()
    const rows = await usageOf(stack.owner, tenant.id)
    expect([rows.length, Number(body.usage.cost)]).toEqual([4, money(rows.reduce((sum, { amount_pico: pico }) => sum + pico, 0n))])
    const whole = await explained(body.request_id)
    expect(whole).toMatchObject({ role: 'answer', method: 'judge', answers: [{ request_id: body.request_id, chosen: false }, { model: 'llama3.2', chosen: false }, { model: 'mistral:7b', chosen: true }], judge: { model: 'qwen3:14b' } })
    const parts: { request_id: string; cost: string }[] = [...whole.answers, whole.judge]
    expect(parts.map(({ request_id: rid, cost }) => [rid, Number(cost)]).sort()).toEqual(rows.map(({ rid, amount_pico: pico }) => [rid, money(pico)]).sort())
    for (const [index, { request_id: rid }] of parts.slice(1).entries()) expect(await explained(rid)).toEqual({ role: index === 2 ? 'judge' : 'answer', of: body.request_id })
  })

  it('is proved by the books alone: the parent’s bill is the sum of its children, failed ones and the judge among them', async () => {
    await says(0, 'a')
    await says(2, 'a')
    await says(3, '1')
    await stack.sandbox.host('h1').set('http500')
    const { body } = await ask({ judge: 'judge' })
    await (await stack.post('/chat', tenant.key, { message: 'hello', model: 'phi3' })).json()
    await stack.settled()
    const rows = await usageOf(stack.owner, tenant.id)
    const { rids, billed, posted } = await family(body.request_id)
    expect([rows.length, rids.length, posted]).toEqual([5, 4, billed])
    expect(Number(body.usage.cost)).toBe(money(BigInt(billed)))
    const { parent_id: parent, children } = await recorded(body.request_id)
    expect([parent, children.cost, children.requests.map(({ id }: { id: string }) => id).sort()]).toEqual([body.request_id, body.usage.cost, rids])
    expect(children.requests.filter(({ status }: { status: string }) => status === 'failed')).toEqual([{ id: body.consensus.answers[1].request_id, model: 'llama3.2', status: 'failed', cost: '0' }])
    expect(await recorded(body.consensus.answers[2].request_id)).toMatchObject({ parent_id: body.request_id, children: null })
    const alone = rows.find(({ rid }) => !rids.includes(rid))!
    expect(await recorded(alone.rid)).toMatchObject({ parent_id: null, children: null })
  })

  it('counts the answers where the judge names none or fails, and says so', async () => {
    for (const index of [0, 1, 2]) await says(index, 'same')
    await says(3, 'none of them')
    const { body } = await ask({ judge: 'qwen3:14b' })
    expect([body.response, body.consensus.method, body.warnings]).toEqual(['same', 'vote', expect.arrayContaining(['the judge qwen3:14b chose no answer, so the answers were counted'])])
    await stack.sandbox.host('h3').set('http500')
    const failed = await ask({ judge: 'qwen3:14b' })
    expect([failed.status, failed.body.consensus.method, failed.body.consensus.judge.code]).toEqual([200, 'vote', expect.any(String)])
  })

  it('degrades with a warning when a model fails, and bills only what answered', async () => {
    await says(0, 'a')
    await says(2, 'a')
    await stack.sandbox.host('h1').set('http500')
    const { status, body } = await ask({})
    expect([status, body.consensus.agreement]).toEqual([200, { votes: 2, answers: 2 }])
    expect(body.warnings).toContainEqual(expect.stringMatching(/^llama3\.2 did not answer: /))
    expect(body.consensus.answers[1]).toEqual({ model: 'llama3.2', request_id: expect.any(String), error: expect.any(String), code: expect.any(String), chosen: false })
    await stack.settled()
    const rows = await usageOf(stack.owner, tenant.id)
    expect(Number(body.usage.cost)).toBe(money(rows.reduce((sum, { amount_pico: pico }) => sum + pico, 0n)))
  })

  it('is the first model’s error when none answers, and costs nothing', async () => {
    for (const index of [0, 1, 2]) await stack.sandbox.host(`h${index}`).set('refuse')
    const { status, body } = await ask({})
    expect([status, body.code]).toEqual([503, 'model_not_available'])
    await stack.settled()
    expect(await ledgerSum(stack.owner, tenant.id)).toBe(0n)
    await atRest(redisUrl)
  })

  it('ends every call when the client leaves', async () => {
    for (const index of [0, 1, 2]) await stack.sandbox.host(`h${index}`).set({ name: 'ok', params: { delay: 20_000 } })
    const leaving = new AbortController()
    const gone = fetch(`${stack.url}/chat/consensus`, { method: 'POST', signal: leaving.signal, headers: { 'x-api-key': tenant.key, 'content-type': 'application/json' }, body: JSON.stringify({ message: 'hi', models: THREE }) }).catch(() => null)
    await eventually(() => expect(sent()).toBe(3))
    leaving.abort()
    await gone
    await stack.settled()
    await eventually(() => expect(stack.sandbox.hosts.map((host) => host.stats().active)).toEqual([0, 0, 0, 0]))
    await atRest(redisUrl)
  })

  it('is run once under an Idempotency-Key', async () => {
    const headers = { 'idempotency-key': randomUUID() }
    const first = await ask({}, headers)
    const again = await ask({}, headers)
    expect([first.status, again.status, again.body.code, sent()]).toEqual([200, 409, 'already_completed', 3])
    expect(again.body.original.cost).toBe(first.body.usage.cost)
  })

  it.each([
    [{ models: ['phi3'] }, 400, 'must name at least two models'],
    [{ models: MODELS }, 400, 'the panel tier asks at most 3 models at once'],
    [{ models: ['phi3', 'fast'] }, 400, 'fast is phi3, which is asked already'],
    [{ models: ['phi3', 'qwen9'] }, 404, "Model 'qwen9' not found"],
    [{ judge: 'qwen9' }, 404, "Model 'qwen9' not found"],
    [{ stream: true }, 400, 'must be false'],
    [{ message: ' ' }, 400, 'must not be empty'],
    [{ conversation_id: 'x' }, 400, 'conversation_id'],
  ])('refuses %j before anything is asked', async (body, status, words) => {
    const answer = await ask(body)
    expect([answer.status, sent()]).toEqual([status, 0])
    expect(answer.body.error).toContain(words)
  })

  it('is for tiers that have it', async () => {
    const plain = await stack.addTenant({ tier: 'enterprise' })
    expect(await ask({}, {}, plain.key)).toMatchObject({ status: 403, body: { code: 'feature_not_in_tier', error: 'Consensus is not part of the enterprise tier.', available_in: ['panel'] } })
    expect(sent()).toBe(0)
  })
})
