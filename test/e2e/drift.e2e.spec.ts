import { processLogger } from '../../libs/platform/logging'
import { eventually, redisTargets, startStack, type Stack } from '../support'

const NAMES = ['one', 'two', 'three']

// What an operator hears when hosts of one model hold different weights; catalogue and metric: test/admin/versions.e2e.spec.ts.
describe('weights that drift', () => {
  const logger = processLogger('silent')
  const [told, calmed] = [jest.spyOn(logger, 'warn'), jest.spyOn(logger, 'info')]
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack({ redisUrl: redisTargets().at(-1)!.url, hosts: NAMES.map((name) => ({ name, region: 'us-east', dialect: 'ollama' as const, models: ['phi3'] })), env: { TOLLGATE_PROBE_INTERVAL_MS: '200' } })
  }, 60_000)
  afterAll(() => stack.stop())

  const create = async (name: string, system: string) => {
    const reply = await fetch(`${stack.sandbox.host(name).baseUrl}/api/create`, { method: 'POST', body: JSON.stringify({ model: 'ada', from: 'phi3', system, stream: false }) })
    await reply.text()
    expect(reply.status).toBe(200)
  }
  const warnings = () => told.mock.calls.filter(([, text]) => text === 'hosts of a model hold different weights')
  const relief = () => calmed.mock.calls.filter(([, text]) => text === 'no model drifts any more')
  const probes = () => stack.sandbox.host('one').log().filter(({ path }) => path === '/api/version').length
  /** Two rounds more: the first may have been under way. */
  const afterTwoProbes = async () => {
    const before = probes()
    await eventually(() => expect(probes()).toBeGreaterThan(before + 2), { timeoutMs: 20_000 })
  }

  it('are told of once in the log, with the model and the hosts that differ, again when that changes, and when it is over', async () => {
    for (const name of NAMES) await create(name, 'alike')
    await eventually(async () => expect((await stack.owner.query(`SELECT FROM deployment WHERE model = 'ada'`)).rowCount).toBe(3), { timeoutMs: 20_000 })
    await afterTwoProbes()
    expect([warnings(), relief()]).toEqual([[], []])
    await create('three', 'different')
    await eventually(() => expect(warnings()).toEqual([[{ model: 'ada', kind: 'mixed', hosts: ['three'] }, expect.any(String)]]), { timeoutMs: 20_000 })
    await afterTwoProbes()
    expect([warnings().length, relief()]).toEqual([1, []])
    const { rows } = await stack.owner.query<{ digest: string }>(`SELECT d.digest FROM deployment d JOIN host h ON h.id = d.host_id WHERE d.model = 'ada' AND h.name = 'three'`)
    await stack.owner.query(`UPDATE model SET pinned_digest = $1 WHERE name = 'ada'`, [rows[0]!.digest])
    await eventually(() => expect(warnings().slice(1)).toEqual([[{ model: 'ada', kind: 'off_pin', hosts: ['one', 'two'] }, expect.any(String)]]), { timeoutMs: 20_000 })
    await stack.owner.query(`UPDATE model SET pinned_digest = NULL WHERE name = 'ada'`)
    await create('three', 'alike')
    await eventually(() => expect(relief().length).toBe(1), { timeoutMs: 20_000 })
  }, 90_000)
})
