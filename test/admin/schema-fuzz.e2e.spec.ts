import fc from 'fast-check'
import { mangled, validBy, type Schema } from './arbitrary-bodies'
import { startAdmin, type AdminApp } from './admin-app'

/** What a run does; `NIGHTLY=1` is the twenty thousand calls of T36. */
const CALLS = process.env.NIGHTLY ? 20_000 : 800
/** Patience, not a measure: a call takes some ten milliseconds. */
const MOST_MS = CALLS * 150

interface Parameter {
  readonly name: string
  readonly in: string
  readonly required?: boolean
  readonly schema: Schema
}
interface Operation {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  readonly path: string
  readonly parameters: readonly Parameter[]
  readonly body: Schema | undefined
}

interface Request {
  readonly operation: Operation
  readonly values: Readonly<Record<string, unknown>>
  readonly body: unknown
}

describe('any request that the document allows, or nearly', () => {
  let admin: AdminApp
  let operations: Operation[]
  let components: Record<string, Schema>
  /** What paths lead to, by the name of the parameter. */
  const places: Record<string, string> = { tenant: 'acme', project: 'night', model: 'llama3.2', tier: 'standard', alias: 'chat', prompt: 'chat', set: 'chat' }
  /** Names and ids of what there is, so that requests reach further than the first look-up. */
  const words = ['acme', 'night', 'free', 'standard', 'us-east', 'eu-west', 'llama3.2', 'chat', 'night', 'USD', 'EUR', 'UTC', 'Europe/Berlin', '1', '0.15', '50.00', '2026-01-01', '2026-11', '2026-02-30', '2026-01-01T00:00:00Z', 'day', 'someone@example.com', 'http://127.0.0.1:9', 'https://hooks.example.com/a']

  beforeAll(async () => {
    admin = await startAdmin()
    const token = await admin.personToken('owner')
    const document = (await admin.call('GET', '/openapi.json')).body
    components = document.components.schemas
    operations = Object.entries<Record<string, any>>(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        // Streams do not end, and the stage stays up.
        .filter(([method, operation]) => path.startsWith('/admin') && `${method} ${path}` !== 'delete /admin/tenants/{tenant}' && operation['x-permission'] !== undefined && !path.endsWith('/events'))
        .map(([method, operation]) => ({ method: method.toUpperCase() as Operation['method'], path, parameters: operation.parameters ?? [], body: operation.requestBody?.content['application/json'].schema })),
    )
    const made = [
      await admin.call('POST', '/admin/tenants', { token, body: { slug: 'acme', name: 'Acme', tier: 'standard', home_region: 'us-east', allowed_regions: ['us-east'] } }),
      await admin.call('POST', '/admin/tenants/acme/keys', { token, body: { name: 'first' } }),
      await admin.call('POST', '/admin/tenants/acme/projects', { token, body: { slug: 'night', name: 'Night' } }),
      await admin.call('POST', '/admin/models/add', { token, body: { name: 'llama3.2' } }),
      await admin.call('POST', '/admin/aliases', { token, body: { name: 'chat', target: 'llama3.2' } }),
      await admin.call('POST', '/admin/tenants/acme/webhooks', { token, body: { url: 'https://hooks.example.com/a', events: ['budget.exhausted'] } }),
      await admin.call('POST', '/admin/tenants/acme/accounts', { token, body: { email: 'dev@example.com', role: 'developer', password: 'correct horse battery' } }),
    ]
    expect(made.map(({ status, body }) => [status, body.errors])).toEqual(made.map(() => [201, undefined]))
    const ids = made.map(({ body }) => String(body.id))
    Object.assign(places, { key: ids[1], webhook: ids[5], account: ids[6] })
    words.push(...ids.filter((id) => id !== 'undefined'))
  })
  afterAll(() => admin?.stop())

  /** A request to one operation: its parameters, and where it takes a body a valid one or one with a single fault. */
  function requestTo(operation: Operation): fc.Arbitrary<Request> {
    const parameters = operation.parameters.filter(({ in: where }) => where !== 'header')
    const valueOf = ({ name, in: where, schema }: Parameter) => fc.oneof({ weight: 9, arbitrary: where === 'path' && places[name] ? fc.constant(places[name]) : validBy(schema, components, words) }, { weight: 1, arbitrary: fc.string() })
    const inPath = parameters.filter(({ in: where }) => where === 'path').map(({ name }) => name)
    const values = fc.record(Object.fromEntries(parameters.map((parameter) => [parameter.name, valueOf(parameter)])), { requiredKeys: inPath })
    const valid = operation.body ? validBy(operation.body, components, words) : fc.constant(undefined)
    return fc.record({ operation: fc.constant(operation), values, body: operation.body ? fc.oneof({ weight: 3, arbitrary: valid }, { weight: 2, arbitrary: valid.chain(mangled) }) : valid })
  }

  it('is answered as the document says, and never by a fault of ours', async () => {
    const token = await admin.personToken('owner')
    const answers = new Map<number, number>()
    await fc.assert(
      fc.asyncProperty(fc.oneof(...operations.map(requestTo)), async ({ operation: { method, path, parameters }, values, body }) => {
        const url = path.replace(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent(String(values[name])) || '-')
        const query = new URLSearchParams(parameters.filter(({ in: where, name }) => where === 'query' && values[name] !== undefined).map(({ name }): [string, string] => [name, String(values[name])]))
        // Matching the document is what `call` looks after.
        const { status, body: answer } = await admin.call(method, `${url}?${query}`, { token, body })
        answers.set(status, (answers.get(status) ?? 0) + 1)
        if (status >= 500) throw new Error(`${method} ${url}?${query} answered ${status} to ${JSON.stringify(body)}: ${JSON.stringify(answer)}`)
      }),
      { numRuns: CALLS, endOnFailure: true },
    )
    // Otherwise it would have looked at refusals only.
    expect((answers.get(200) ?? 0) + (answers.get(201) ?? 0) + (answers.get(204) ?? 0)).toBeGreaterThan(CALLS / 10)
  }, MOST_MS)
})
