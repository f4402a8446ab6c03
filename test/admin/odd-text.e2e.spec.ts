import { startAdmin, type AdminApp } from './admin-app'

const PRICE = { model: 'm', input_per_million: '1', output_per_million: '1', currency: 'USD' }
/** Free text of every room that keeps some. */
const BODIES: readonly ['POST' | 'PUT' | 'PATCH', string, (odd: string) => object, string][] = [
  ['POST', '/admin/tenants', (odd) => ({ slug: 'a', name: odd, tier: 'free', home_region: 'us-east', allowed_regions: ['us-east'] }), 'name'],
  ['POST', '/admin/accounts', (odd) => ({ email: `${odd}@x.org`, role: 'billing', password: 'correct horse battery' }), 'email'],
  ['POST', '/admin/prices', (odd) => ({ ...PRICE, source: odd }), 'source'],
  ['POST', '/admin/aliases', (odd) => ({ name: 'a', target: odd }), 'target'],
  ['PUT', '/admin/prompts/p', (odd) => ({ text: odd, models: [odd] }), 'text'],
  ['PUT', '/admin/rule-sets/r', (odd) => ({ rules: [{ name: 'n', when: { any_words: ['ok', odd] }, use: 'm' }], otherwise: { use: 'm' } }), 'rules.0.when.any_words.1'],
  ['POST', '/admin/hosts', (odd) => ({ name: 'h', region: 'us-east', provider: 'ollama', base_url: 'http://127.0.0.1:1', [odd]: 1 }), ''],
]

describe('text that cannot be stored', () => {
  let admin: AdminApp
  let token: string
  beforeAll(async () => {
    admin = await startAdmin()
    token = await admin.personToken('owner')
  })
  afterAll(() => admin?.stop())

  it.each(BODIES)('in %s %s is a bad request that says where it stands', async (method, path, body, where) => {
    for (const odd of ['a\0b', 'a\ud83d', '\udc00']) {
      const reply = await admin.call(method, path, { token, body: body(odd) })
      expect([reply.status, reply.body.code, reply.body.errors?.[0]?.path]).toEqual([400, 'invalid_request', where])
      expect(reply.body.detail).toContain('cannot be stored')
    }
  })

  it.each(['/admin/tenants?after=a%00b', '/admin/requests/%00', '/admin/prompts/a%00b', '/admin/reports/cost?model=a%00', '/admin/tenants/a%00/keys'])('GET %s is no fault of ours', async (path) => {
    expect((await admin.call('GET', path, { token })).status).toBeLessThan(500)
  })

  it('what is odd and can be stored is', async () => {
    const reply = await admin.call('PUT', '/admin/prompts/odd', { token, body: { text: 'é 🙂 \u2028 \ufffe', models: [] } })
    expect([reply.status, reply.body.text]).toEqual([200, 'é 🙂 \u2028 \ufffe'])
  })
})
