import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { LedgerSealService } from '@tollgate/proof'
import { main } from '../../apps/cli/src/main'
import { LedgerSealStore } from '../../libs/proof/ledger-seal.store'
import { ClaimsFixture, TODAY } from '../../libs/usage/claims-fixture'
import { startAdmin, type AdminApp } from '../admin/admin-app'
import { tempFolder } from '../support'

const PERIOD = ['--from', TODAY, '--to', `${TODAY}T23:59:59Z`]

describe('proof on the command line', () => {
  const folder = tempFolder()
  let world: ClaimsFixture
  let admin: AdminApp
  let server: string
  let token: string
  let tenant: string
  beforeAll(async () => {
    world = await ClaimsFixture.start()
    admin = await startAdmin({}, world.database)
    await admin.app.listen(0, '127.0.0.1')
    server = await admin.app.getUrl()
    token = await admin.personToken('billing')
    tenant = await world.tenant()
    const { body: price } = await admin.call('POST', '/admin/prices', { token, body: { model: 'phi3', input_per_million: '1', output_per_million: '2', source: 'spec', effective_at: '2020-01-01T00:00:00Z' } })
    await world.store.commitBatch(Array.from({ length: 3 }, () => world.claim(tenant, { price_id: price.id, amount_pico: '50000000' })))
    await new LedgerSealService(new LedgerSealStore(world.worker)).sealWaiting()
  })
  afterAll(async () => {
    await admin.stop()
    await world.stop()
    folder.remove()
  })

  async function tollgate(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
    let [out, err] = ['', '']
    const code = await main({ argv: [...argv, '--server', server, '--token', token], env: { HOME: folder.path }, cwd: folder.path, stdin: new PassThrough(), stdout: { write: (text) => (out += text) }, stderr: { write: (text) => (err += text) } })
    return { code, out, err }
  }
  const file = (name: string, text: string) => {
    writeFileSync(join(folder.path, name), text)
    return name
  }

  it('ledger verify prints each chain with its head, and fails with the row that does not hold', async () => {
    const good = await tollgate('ledger', 'verify')
    expect(good).toMatchObject({ code: 0, err: '' })
    const [, head] = new RegExp(`t-${tenant}: 3 sealed, 0 not yet, head (3:[0-9a-f]{64})\nEvery chain holds: 3 rows sealed, 0 not yet\\.\n`).exec(good.out)!
    expect((await tollgate('ledger', 'verify', '--tenant', `t-${tenant}`, '--head', head!)).code).toBe(0)
    expect(await tollgate('ledger', 'verify', '--tenant', `t-${tenant}`, '--head', head!.replace('3:', '4:'))).toMatchObject({ code: 1, out: expect.stringContaining('The chain ends before link 4, which was kept.') })
    const { rows: [{ rid }] } = await world.owner.query('UPDATE ledger SET delta_pico = delta_pico + 1 WHERE rid = (SELECT rid FROM ledger_seal WHERE seq = 2) RETURNING rid')
    const bad = await tollgate('ledger', 'verify')
    expect(bad.code).toBe(1)
    expect(bad.out).toContain(`altered in ledger, link 2, request ${rid} of ${TODAY}, rank 1: The ledger row or its link was altered.`)
    expect(JSON.parse((await tollgate('ledger', 'verify', '--json')).out)).toMatchObject({ ok: false, tenants: [{ problem: { request_id: rid } }] })
    await world.owner.query('UPDATE ledger SET delta_pico = delta_pico - 1 WHERE rid = $1', [rid])
  })

  it('reconcile reads the file, names the lines that differ, and fails when there are any', async () => {
    const { rows } = await world.owner.query<{ rid: string }>('SELECT rid FROM usage ORDER BY rid')
    const csv = (counts: string[]) => ['request_id,prompt_tokens,completion_tokens', ...rows.map(({ rid }, i) => `${rid},${counts[i]}`)].join('\n')
    const same = file('same.csv', csv(['10,20', '10,20', '10,20']))
    expect(await tollgate('reconcile', same, '--provider', 'ollama', ...PERIOD)).toEqual({ code: 0, err: '', out: '3 of 3 rows are equal; 0 differ, 0 are missing here, 0 of 3 are missing there.\n' })
    const other = file('other.csv', `${csv(['10,20', '11,20', '10,20'])}\nnot-ours,1,1\n`)
    const found = await tollgate('reconcile', other, '--provider', 'ollama', ...PERIOD)
    expect(found.code).toBe(1)
    expect(found.out.split('\n')).toEqual([expect.stringMatching(new RegExp(`^different +line 3 +${rows[1]!.rid} +prompt_tokens: 10 here, 11 there$`)), expect.stringMatching(/^missing_here +line 5 +not-ours/), '2 of 4 rows are equal; 1 differ, 1 are missing here, 0 of 3 are missing there.', ''])
    expect(await tollgate('reconcile', file('bad.csv', 'request_id,prompt_tokens,completion_tokens\na,b,c\nd,1\n'), '--provider', 'ollama', ...PERIOD)).toMatchObject({ code: 1, err: expect.stringMatching(/line 2 prompt_tokens must be a whole number[\s\S]*line 3 has 2 cells/) })
    expect(await tollgate('reconcile', 'nowhere.csv', '--provider', 'ollama', ...PERIOD)).toMatchObject({ code: 1, err: expect.stringContaining('nowhere.csv cannot be read') })
    expect(await tollgate('reconcile', same, ...PERIOD)).toMatchObject({ code: 2, err: expect.stringContaining('--provider is missing') })
  })

  it('simulate prints billed, simulated and the difference, by model', async () => {
    const lines = async (...argv: string[]) => (await tollgate('simulate', ...argv, ...PERIOD)).out.trimEnd().split('\n').map((line) => line.split(/ {2,}/))
    expect(await lines()).toEqual([['model', 'calls', 'billed', 'simulated', 'difference'], ['phi3', '3', '0.00015', '0.00015', '0', 'USD'], ['in all', '3', '0.00015', '0.00015', '0', 'USD']])
    expect((await lines('--percent=-10', '--model', 'phi3')).at(-1)).toEqual(['in all', '3', '0.00015', '0.000135', '-0.000015', 'USD'])
    const book = file('book.json', JSON.stringify([{ model: 'phi3', input_per_million: '0', output_per_million: '0', per_request: '1', source: 'what if' }]))
    expect((await lines(book)).at(-1)).toEqual(['in all', '3', '0.00015', '3', '2.99985', 'USD'])
    expect(await tollgate('simulate', '--from', '2001-01-01', '--to', '2001-01-02')).toMatchObject({ code: 0, out: 'No calls in this period.\n' })
    expect(await tollgate('simulate', file('no.json', '{'), ...PERIOD)).toMatchObject({ code: 1, err: expect.stringContaining('no.json cannot be read as JSON') })
    expect(await tollgate('simulate', '--model', 'phi3', ...PERIOD)).toMatchObject({ code: 2 })
  })
})
