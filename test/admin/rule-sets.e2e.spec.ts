import { startAdmin, type AdminApp } from './admin-app'

const SET = { description: 'ours', is_default: true, rules: [{ name: 'code', when: { any_words: ['code'], fewer_words_than: 9 }, use: 'balanced', task: 'code' }], default: { use: 'default' } }

describe('rule sets and the history of aliases', () => {
  let admin: AdminApp
  let token: string
  beforeAll(async () => {
    admin = await startAdmin()
    token = await admin.personToken('owner')
    await call('POST', '/admin/tenants', { slug: 'acme', name: 'Acme', tier: 'standard', home_region: 'us-east' })
    for (const name of ['llama3.2', 'phi3']) await call('POST', '/admin/models/add', { name })
  })
  afterAll(() => admin.stop())

  const call = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, body?: unknown) => admin.call(method, url, { token, body })

  it('the shipped sets are there, with the rules that lead nowhere here told as problems', async () => {
    const { data } = (await call('GET', '/admin/rule-sets')).body
    expect(data.map(({ name, is_default: isDefault }: { name: string; is_default: boolean }) => [name, isDefault])).toEqual([['complexity', false], ['language', false], ['project', false], ['task', true], ['token_budget', false]])
    expect(data[3]).toMatchObject({ scope: 'platform', changed_by: 'shipped', default: { use: 'balanced' }, problems: [{ path: 'rules.0.use', message: 'names coding, which is neither a model nor an alias that leads to one' }, { path: 'rules.1.use' }] })
  })

  it.each(['/admin/rule-sets/ours', '/admin/tenants/acme/rule-sets/task'])('%s is written, read, replaced and removed', async (url) => {
    expect((await call('PUT', url, SET)).body).toMatchObject({ ...SET, scope: url.includes('tenants') ? 'tenant' : 'platform', problems: [] })
    expect((await call('PUT', url, { ...SET, rules: [] })).status).toBe(200)
    expect((await call('GET', url)).body).toMatchObject({ rules: [], is_default: true })
    expect((await call('DELETE', url)).status).toBe(204)
    expect((await call('DELETE', url)).status).toBe(404)
    expect((await call('GET', url)).body).toMatchObject({ status: 404 })
  })

  it('of a scope one set at most is the default', async () => {
    await call('PUT', '/admin/rule-sets/ours', SET)
    const { data } = (await call('GET', '/admin/rule-sets')).body
    expect(data.filter(({ is_default: isDefault }: { is_default: boolean }) => isDefault).map(({ name }: { name: string }) => name)).toEqual(['ours'])
  })

  it.each([
    ['an unknown model in a rule', { rules: [{ name: 'a', when: {}, use: 'phi3' }, { name: 'b', when: {}, use: 'gone' }] }, 'rules.1.use'],
    ['an alias that dangles', { rules: [{ name: 'a', when: {}, use: 'coding' }] }, 'rules.0.use'],
    ['an unknown default', { default: { use: 'gone' } }, 'default.use'],
    ['an unknown condition', { rules: [{ name: 'a', when: { matches: '.*' }, use: 'phi3' }] }, 'rules.0.when.matches'],
    ['an unknown task', { rules: [{ name: 'a', when: {}, use: 'phi3', task: 'poetry' }] }, 'rules.0.task'],
    ['an empty list', { rules: [{ name: 'a', when: { any_words: [] }, use: 'phi3' }] }, 'rules.0.when.any_words'],
    ['a blank word', { rules: [{ name: 'a', when: { any_words: [' '] }, use: 'phi3' }] }, 'rules.0.when.any_words.0'],
    ['two rules of one name', { rules: [{ name: 'a', when: {}, use: 'phi3' }, { name: 'a', when: {}, use: 'phi3' }] }, 'rules.1.name'],
    ['too many rules', { rules: Array.from({ length: 51 }, (_, i) => ({ name: `r${i}`, when: {}, use: 'phi3' })) }, 'rules'],
    ['too many words', { rules: Array.from({ length: 6 }, (_, i) => ({ name: `r${i}`, when: { any_words: Array.from({ length: 100 }, (__, n) => `w${n}`) }, use: 'phi3' })) }, 'rules'],
    ['a negative bound', { rules: [{ name: 'a', when: { fewer_words_than: -1 }, use: 'phi3' }] }, 'rules.0.when.fewer_words_than'],
    ['no default', { default: undefined }, 'default'],
  ])('refuse %s, and nothing is written', async (_name, change, path) => {
    for (const url of ['/admin/rule-sets/bad', '/admin/tenants/acme/rule-sets/bad']) {
      expect((await call('PUT', url, { ...SET, ...change })).body).toMatchObject({ status: 400, errors: [{ path }] })
      expect((await call('GET', url)).status).toBe(404)
    }
  })

  it('refuse a name that is none', async () => expect((await call('PUT', '/admin/rule-sets/Not%20A%20Name', SET)).body).toMatchObject({ status: 400, errors: [{ path: 'name' }] }))

  it.each(['/admin/aliases', '/admin/tenants/acme/aliases'])('%s keep who changed what, when, from what to what', async (url) => {
    for (const target of ['phi3', 'llama3.2', 'llama3.2']) expect((await call('POST', url, { name: 'quick', target })).status).toBe(201)
    expect((await call('DELETE', `${url}/quick`)).status).toBe(204)
    const { data } = (await call('GET', `${url}/quick/history`)).body
    expect(data.map(({ from, to }: { from: string; to: string }) => [from, to])).toEqual([['llama3.2', null], ['phi3', 'llama3.2'], [null, 'phi3']])
    const me = (await call('GET', '/auth/me')).body
    expect(data[0]).toMatchObject({ changed_by: me.id ?? me.account_id, changed_at: expect.stringMatching(/^\d{4}-/) })
  })

  it('a built-in alias can be re-pointed; scopes keep histories of their own', async () => {
    expect((await call('POST', '/admin/aliases', { name: 'powerful', target: 'llama3.2' })).body).toMatchObject({ leads_to: 'llama3.2' })
    expect((await call('GET', '/admin/aliases/powerful/history')).body.data).toMatchObject([{ from: 'llama3.1:70b', to: 'llama3.2' }])
    expect((await call('GET', '/admin/aliases/powerful/history?tier=standard')).body.data).toEqual([])
  })

  it('an alias whose target disappears is reported where aliases are read, with the chain', async () => {
    await call('POST', '/admin/models/add', { name: 'short-lived' })
    await call('POST', '/admin/aliases', { name: 'one', target: 'short-lived' })
    await call('POST', '/admin/tenants/acme/aliases', { name: 'two', target: 'one' })
    expect((await call('DELETE', '/admin/models/short-lived')).status).toBe(200)
    const found = (await call('GET', '/admin/tenants/acme/aliases')).body.data.find(({ name }: { name: string }) => name === 'two')
    expect(found).toMatchObject({ leads_to: null, problem: 'short-lived is neither a model nor an alias (two → one → short-lived)' })
    expect((await call('POST', '/admin/aliases', { name: 'three', target: 'one' })).body).toMatchObject({ status: 400, detail: 'Invalid request: target cannot be followed: short-lived is neither a model nor an alias (three → one → short-lived).' })
  })
})
