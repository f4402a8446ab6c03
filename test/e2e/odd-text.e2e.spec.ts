import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { usageOf } from './evidence'

const { url: redisUrl } = redisTargets().at(-1)!
/** What JSON may hold and Postgres does not, or only after a fashion. */
const ODD = ['a\0b', 'a\ud83d', '\udc00 b', '\0', '\ufffe\u2028']
const POSTS: readonly [string, (odd: string) => object][] = [
  ['/chat', (odd) => ({ message: odd })],
  ['/chat', (odd) => ({ message: 'hi', model: odd })],
  ['/chat', (odd) => ({ message: 'hi', model: `openai:${odd}` })],
  ['/chat', (odd) => ({ message: 'hi', project: odd })],
  ['/chat', (odd) => ({ message: 'hi', customer_id: odd })],
  ['/chat', (odd) => ({ message: 'hi', language: odd })],
  ['/chat', (odd) => ({ message: 'hi', options: { stop: [odd] } })],
  ['/chat', (odd) => ({ message: 'hi', conversation_id: odd })],
  ['/chat/smart', (odd) => ({ message: odd, rule_set: odd })],
  ['/chat/smart', (odd) => ({ message: odd, rule_set: 'task' })],
  ['/v1/explain', (odd) => ({ message: odd, model: odd })],
  ['/v1/chat/completions', (odd) => ({ model: 'llama3.2', user: odd, messages: [{ role: 'user', name: odd, content: odd }] })],
  ['/v1/chat/completions', (odd) => ({ model: 'llama3.2', messages: [{ role: 'user', content: 'hi' }], tools: [{ type: 'function', function: { name: odd, description: odd } }] })],
  ['/v1/completions', (odd) => ({ model: 'llama3.2', prompt: odd, suffix: null })],
  ['/v1/embeddings', (odd) => ({ model: 'llama3.2', input: [odd] })],
  ['/v1/responses', (odd) => ({ model: 'llama3.2', input: odd, instructions: odd })],
  ['/v1/messages', (odd) => ({ model: 'llama3.2', max_tokens: 9, system: odd, messages: [{ role: 'user', content: odd }] })],
  ['/api/chat', (odd) => ({ model: 'llama3.2', stream: false, messages: [{ role: 'user', content: odd }] })],
  ['/api/show', (odd) => ({ model: odd })],
  ['/v1/conversations', (odd) => ({ model: odd })],
  ['/v1/conversations', (odd) => ({ title: odd, system: odd })],
  ['/chat/consensus', (odd) => ({ message: odd, models: [odd, 'phi3'] })],
]
const GETS = ['/v1/models/a%00b', '/v1/requests/%00', '/v1/requests/a%00/explain', '/v1/requests/a%00/receipt', '/v1/conversations/%00', '/v1/conversations?after=%00', '/v1/providers/%00/models', '/cost-report?from=%00', '/cost-report?group_by=model&after=%00', '/cost-report?group_by=model&after=WyJhXHUwMDAwYiJd']

describe('text that Postgres does not hold', () => {
  let stack: Stack
  let tenant: SeededTenant
  beforeAll(async () => {
    stack = await startStack({ redisUrl })
    tenant = await stack.addTenant({ tier: 'enterprise' })
  })
  afterAll(() => stack.stop())

  it.each(POSTS.map(([path, body], index) => [path, index, body] as const))('on %s is served or is a bad request (%i)', async (path, index, body) => {
    for (const [at, odd] of ODD.entries()) {
      const text = JSON.stringify(body(odd))
      const response = await stack.post(path, tenant.key, body(odd), { 'idempotency-key': `odd-${index}-${at}` })
      expect([text, response.status, await response.text()]).toEqual([text, expect.any(Number), expect.not.stringContaining('internal_error')])
      expect(response.status).toBeLessThan(500)
    }
  })

  it.each(GETS)('GET %s is no fault of ours', async (path) => {
    expect((await fetch(stack.url + path, { headers: { 'x-api-key': tenant.key } })).status).toBeLessThan(500)
  })

  it('what was served is in the books, each call explained', async () => {
    await stack.settled()
    const rows = await usageOf(stack.owner, tenant.id)
    expect(rows.length).toBeGreaterThan(40)
    await eventually(async () => {
      const { rows: left } = await stack.owner.query(`SELECT u.rid FROM usage u LEFT JOIN request_trace t ON t.tenant_id = u.tenant_id AND t.rid = u.rid WHERE u.tenant_id = $1 AND t.rid IS NULL`, [tenant.id])
      expect(left).toEqual([])
    })
  })
})
