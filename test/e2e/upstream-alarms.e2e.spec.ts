import type { SandboxHost } from '../../apps/sandbox/src'
import { HostsService } from '../../libs/hosts'
import { processLogger, type ProcessLogger } from '../../libs/platform/logging'
import { LOGGER } from '../../libs/platform/process'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { usageRow } from './evidence'

const { url: redisUrl } = redisTargets().at(-1)!
/** A host at fault each, and a model of its own: what a model may be retried is limited. */
const ILL = ['tls', 'tls-expired', 'key', 'account', 'moved', 'liar', 'broken', 'full']

/** T16, rows 2 and 14, and all else that only a person can put right: the caller is served elsewhere, the operator hears of it. */
describe('an upstream that a person must put right', () => {
  let stack: Stack
  let tenant: SeededTenant
  let told: jest.SpyInstance
  beforeAll(async () => {
    const host = (name: string, models: string[]) => ({ name, region: 'us-east', dialect: 'openai' as const, models, defaults: { gap: 0 } })
    // Equal but for their names, so that the one at fault is asked before `well`.
    stack = await startStack({ redisUrl, hosts: [...ILL.map((name) => host(name, [`of-${name}`])), host('well', ILL.map((name) => `of-${name}`))], env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
    tenant = await stack.addTenant({ tier: 'enterprise' })
    told = jest.spyOn(stack.gateways[0]!.get<ProcessLogger>(LOGGER, { strict: false }), 'error')
  })
  afterAll(() => stack?.stop())

  const alarms = async (host: string) => {
    const lines = (await (await fetch(`${stack.url}/metrics`)).text()).split('\n')
    return lines.flatMap((line) => /^tollgate_upstream_alarms_total\{region="us-east",host="([^"]+)",alarm="(\w+)"\} (\d+)$/.exec(line)?.slice(1).join(' ') ?? []).filter((line) => line.startsWith(`${host} `))
  }

  async function ask(name: string): Promise<{ status: number; attempts: string[] }> {
    const response = await stack.post('/chat', tenant.key, { message: 'one two', model: `of-${name}` })
    await response.text()
    const { rid } = await usageRow(stack.owner, response.headers.get('x-request-id')!)
    const { rows } = await stack.owner.query<{ told: string }>(`SELECT host || ' ' || outcome AS told FROM provider_cost WHERE rid = $1 ORDER BY attempt`, [rid])
    return { status: response.status, attempts: rows.map((row) => row.told) }
  }

  it.each([
    ['tls', 'tls-bad', 'misconfigured: tls DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['tls-expired', 'tls-bad;expired=1', 'misconfigured: tls CERT_HAS_EXPIRED'],
  ])('%s: its certificate is refused, nothing is sent to it in plain text, the alarm says which host and why', async (name, behaviour, outcome) => {
    const host = stack.sandbox.host(name)
    await host.set(behaviour)
    await stack.owner.query('UPDATE host SET base_url = $2 WHERE name = $1', [name, host.baseUrl.replace('http:', 'https:')])
    await stack.gateways[0]!.get(HostsService, { strict: false }).refresh()
    expect(await ask(name)).toEqual({ status: 200, attempts: [`${name} ${outcome}`, 'well completed'] })
    expect(host.log()).toEqual([])
    expect(await alarms(name)).toEqual([`${name} certificate 1`])
    expect(told.mock.calls.filter(([fields]) => (fields as { host?: string }).host === name)).toEqual([[{ host: name, region: 'us-east', alarm: 'certificate', cause: outcome.slice('misconfigured: '.length) }, 'a host must be put right']])
  })

  it.each([
    ['key', 'no-key', 'credential', 2],
    ['account', 'quota', 'account', 2],
    ['moved', 'redirect', 'address', 2],
    ['liar', 'usage-wrong;kind=negative', 'usage', 1],
  ])('%s: the alarm is %s %s, in the metric each time and in the log once a minute', async (name, behaviour, alarm, attempts) => {
    await stack.sandbox.host(name).set(behaviour)
    for (let call = 0; call < 2; call++) expect(await ask(name)).toMatchObject({ status: 200, attempts: { length: attempts } })
    expect(await alarms(name)).toEqual([`${name} ${alarm} 2`])
    expect(told.mock.calls.flatMap(([fields]) => ((fields as { host?: string }).host === name ? [(fields as { alarm: string }).alarm] : []))).toEqual([alarm])
  })

  it.each([['broken', 'overloaded'], ['full', 'rate-far']])('%s: what passes by itself raises none', async (name, behaviour) => {
    await stack.sandbox.host(name).set(behaviour)
    expect(await ask(name)).toMatchObject({ status: 200, attempts: { length: 2 } })
    expect(await alarms(name)).toEqual([])
  })
})

it('a host that no call reaches any more is told of by its probes: once, and once more when it passes', async () => {
  const logger = processLogger('silent')
  const [told, calmed] = [jest.spyOn(logger, 'warn'), jest.spyOn(logger, 'info')]
  const stack = await startStack({ redisUrl, hosts: ['one', 'two'].map((name) => ({ name, region: 'us-east', dialect: 'ollama' as const, models: ['phi3'] })), env: { TOLLGATE_PROBE_INTERVAL_MS: '200' } })
  const [one, two] = ['one', 'two'].map((name) => stack.sandbox.host(name)) as [SandboxHost, SandboxHost]
  const linesOf = (spy: jest.SpyInstance) => spy.mock.calls.filter(([fields]) => (fields as { host?: string }).host !== undefined)
  const probesOf = (host: SandboxHost) => host.log().filter(({ path }) => path === '/api/version').length
  const move = (from: string, to: string) => stack.owner.query(`UPDATE host SET base_url = replace(base_url, $1, $2) WHERE name = 'one'`, [from, to])
  await one.set('tls-bad')
  await move('http:', 'https:')
  await eventually(() => expect(linesOf(told).at(-1)).toEqual([{ host: 'one', region: 'us-east', reason: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, 'a host does not pass its probe']))
  const [lines, before] = [linesOf(told).length, probesOf(two)]
  await eventually(() => expect(probesOf(two)).toBeGreaterThan(before + 3))
  expect([linesOf(told).length, linesOf(calmed).length]).toEqual([lines, 0])
  await one.reset()
  await move('https:', 'http:')
  await eventually(() => expect(linesOf(calmed)).toEqual([[{ host: 'one', region: 'us-east' }, 'a host passes its probe again']]))
  await stack.stop()
})
