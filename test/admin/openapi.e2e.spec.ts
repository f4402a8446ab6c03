import { startAdmin, type AdminApp } from './admin-app'

describe('the OpenAPI document', () => {
  let admin: AdminApp
  let document: any
  beforeAll(async () => {
    admin = await startAdmin()
    document = (await admin.call('GET', '/openapi.json')).body
  })
  afterAll(() => admin.stop())

  const operations = () =>
    Object.entries<Record<string, any>>(document.paths).flatMap(([path, item]) => Object.entries(item).map(([method, operation]) => ({ path, method, operation })))

  it('is OpenAPI 3.1 and lists every route of the app', () => {
    expect(document.openapi).toBe('3.1.0')
    const routes = new Set(operations().map(({ path, method }) => `${method.toUpperCase()} ${path}`))
    for (const route of ['POST /auth/login', 'POST /admin/hosts', 'PUT /admin/models/{model}', 'DELETE /admin/tenants/{tenant}/keys/{key}', 'POST /admin/prices', 'PUT /admin/tiers/{tier}']) expect(routes).toContain(route)
    expect(new Set(operations().map(({ operation }) => operation.operationId)).size).toBe(operations().length)
  })

  it('tells the permission, the authentication and the errors of every route', () => {
    for (const { path, operation } of operations()) {
      if (!path.startsWith('/admin') && operation['x-permission'] === undefined) {
        // the data plane: keys, not roles
        expect([path, operation.security]).toEqual([path, path.startsWith('/.well-known/') ? [] : [{ api_key: [] }]])
        continue
      }
      if (/^\/(healthz|readyz|metrics)$/.test(path)) continue
      expect(`${path} ${operation['x-permission']}`).toMatch(/ (public|[a-z-]+(:[a-z]+)?( \| [a-z-]+:[a-z]+)*)$/)
      expect(operation.security).toEqual(operation['x-permission'] === 'public' ? [] : [{ person: [] }])
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['400', '503']))
    }
  })

  it('declares every path parameter, and every reference leads somewhere', () => {
    for (const { path, operation } of operations()) {
      const declared = (operation.parameters ?? []).filter((parameter: any) => parameter.in === 'path').map((parameter: any) => parameter.name)
      expect(`${path} ${[...declared].sort()}`).toBe(`${path} ${[...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort()}`)
    }
    for (const [, reference] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) expect([reference, reference!.split('/').reduce((at: any, key) => at?.[key], document) !== undefined]).toEqual([reference, true])
  })

  it('describes what every route answers when all goes well, but for those that answer nothing', () => {
    const open = operations().filter(({ operation }) => {
      const [status] = Object.keys(operation.responses)
      const [body] = Object.values<any>(operation.responses[status!].content ?? {})
      return status !== '204' && !(body?.schema.$ref || body?.schema.properties || body?.schema.oneOf || body?.schema.anyOf || body?.schema.type === 'string')
    })
    expect(open.map(({ method, path }) => `${method} ${path}`)).toEqual([])
  })

  it('tells of health as it is answered', async () => {
    // Each reply is held against the document as it comes.
    expect([(await admin.call('GET', '/healthz')).body, (await admin.call('GET', '/readyz')).body.status]).toEqual([{ status: 'ok' }, 'ready'])
  })

  it('describes bodies by the schemas that validate them', () => {
    const body = document.paths['/admin/hosts'].post.requestBody.content['application/json'].schema
    const schema = body.$ref ? document.components.schemas[body.$ref.split('/').at(-1)] : body
    expect(schema.required).toEqual(expect.arrayContaining(['name', 'region', 'provider', 'base_url']))
    expect(schema.additionalProperties).toBe(false)
  })
})
