import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { Client } from 'pg'
import { main } from '../../apps/cli/src/main'
import { InvoiceWorld } from '../../libs/invoices/invoice-world-fixture'
import { PASSWORD, startAdmin, type AdminApp } from '../admin/admin-app'
import { freePort, restoreDatabase, spawnApp, tempFolder } from '../support'

describe('tollgate', () => {
  let world: InvoiceWorld
  let admin: AdminApp
  let server: string
  let home: string
  let token: string
  let invoiceId: string
  let tenant: string
  beforeAll(async () => {
    world = await InvoiceWorld.start()
    admin = await startAdmin({}, world.claims.database)
    await admin.app.listen(0, '127.0.0.1')
    server = await admin.app.getUrl()
    token = await admin.personToken('owner')
    tenant = await world.claims.tenant()
    await world.call(tenant, '2026-09-02T00:00:00Z', 1_234_500_000_000n, { price_id: await world.price() })
    await world.seal()
  })
  afterAll(async () => {
    await admin.stop()
    await world.stop()
  })
  let folder: ReturnType<typeof tempFolder>
  beforeEach(() => {
    folder = tempFolder()
    home = folder.path
  })
  afterEach(() => folder.remove())

  async function run(argv: string[], options: { env?: Record<string, string>; cwd?: string; input?: string } = {}) {
    let [out, err] = ['', '']
    const terminal = {
      argv,
      env: { HOME: home, ...options.env },
      cwd: options.cwd ?? home,
      stdin: Readable.from([options.input ?? '']),
      stdout: { write: (text: string) => (out += text) },
      stderr: { write: (text: string) => (err += text) },
    }
    return { code: await main(terminal), out, err }
  }
  const asOwner = (...argv: string[]) => run([...argv, '--server', server], { env: { TOLLGATE_TOKEN: token } })
  const keptPath = () => join(home, '.config/tollgate/credentials.json')

  it('issues, lists, shows and replays an invoice', async () => {
    const issued = await asOwner('invoice', 'issue', `t-${tenant}`, '2026-09', '--json')
    expect(issued.code).toBe(0)
    const invoice = JSON.parse(issued.out) as { id: string; sha256: string }
    invoiceId = invoice.id
    expect((await asOwner('invoice', 'list', `t-${tenant}`)).out).toBe(`${invoice.id}  2026-09  t-${tenant}  1.23 USD  ${invoice.sha256.slice(0, 12)}\n`)
    expect(createHash('sha256').update((await asOwner('invoice', 'show', invoice.id)).out).digest('hex')).toBe(invoice.sha256)
    expect((await asOwner('invoice', 'show', invoice.id, '--format', 'html')).out).toContain('<!doctype html>')
    expect(await asOwner('invoice', 'replay', invoice.id)).toEqual({ code: 0, out: `equal    ${invoice.sha256}\n`, err: '' })
    expect(JSON.parse((await asOwner('invoice', 'replay', invoice.id, '--json')).out)).toMatchObject({ equal: true, sha256: invoice.sha256 })
  })

  it('replays to the same hash on a restored database, after every price has changed there and here', async () => {
    const { owner, database } = world.claims
    const anew = `INSERT INTO price (id, model, effective_at, currency, input_pico, output_pico, source) SELECT gen_random_uuid(), p.model, '2026-01-02', p.currency, p.input_pico * 2 + 1, p.output_pico * 3 + 1, 'all anew' FROM price p RETURNING id`
    expect((await owner.query(anew)).rowCount).toBeGreaterThan(0)
    const copy = await restoreDatabase(database)
    const restored = new Client({ connectionString: copy.ownerUrl })
    await restored.connect()
    await restored.query(anew)
    const port = String(await freePort())
    const { TOLLGATE_JWT_SECRET, TOLLGATE_KEY_PEPPER, TOLLGATE_SECRETS_KEY, REDIS_URL } = admin.config
    const app = await spawnApp('apps/admin/src/main', { TOLLGATE_JWT_SECRET, TOLLGATE_KEY_PEPPER, TOLLGATE_SECRETS_KEY, REDIS_URL, DATABASE_URL: copy.adminUrl, HOST: '127.0.0.1', PORT: port, LOG_LEVEL: 'error' }, { url: `http://127.0.0.1:${port}/readyz` }, { timeoutMs: 60_000 })
    const { sha256 } = JSON.parse((await asOwner('invoice', 'replay', invoiceId, '--json')).out) as { sha256: string }
    const replay = () => spawnSync(process.execPath, [join(__dirname, '../../scripts/tollgate.mjs'), 'invoice', 'replay', invoiceId, '--server', `http://127.0.0.1:${port}`], { encoding: 'utf8', timeout: 60_000, env: { PATH: process.env['PATH'], HOME: home, TOLLGATE_TOKEN: token } })
    expect(replay()).toMatchObject({ status: 0, stdout: `equal    ${sha256}\n`, stderr: '' })
    // It is the restored one that is read: a row that is wrong there shows there.
    await restored.query('UPDATE ledger SET delta_pico = delta_pico + 1 WHERE tenant_id = $1', [tenant])
    expect(replay()).toMatchObject({ status: 1, stdout: expect.stringContaining('lines.0.exact: issued "1.2345", now "1.234500000001"') })
    expect((await asOwner('invoice', 'replay', invoiceId)).out).toBe(`equal    ${sha256}\n`)
    await app.stop()
    await restored.end()
    await copy.drop()
  }, 120_000)

  it('answers 1 and names the places when an invoice no longer is what the ledger says', async () => {
    await world.claims.owner.query('UPDATE ledger SET delta_pico = delta_pico + 1000000000000 WHERE tenant_id = $1', [tenant])
    const { code, out } = await asOwner('invoice', 'replay', invoiceId)
    expect([code, out.split('\n').slice(2)]).toEqual([1, ['  by_project.0.total.amount: issued "1.23", now "2.23"', '  by_project.0.total.exact: issued "1.2345", now "2.2345"', '  lines.0.amount: issued "1.23", now "2.23"', '  lines.0.exact: issued "1.2345", now "2.2345"', '  total.amount: issued "1.23", now "2.23"', '  total.exact: issued "1.2345", now "2.2345"', '']])
  })

  it.each([
    [['invoice', 'replay', 'none'], 5, 'tollgate: Invoice none not found\n'],
    [['invoice', 'issue', 'nobody', '2026-09'], 5, 'tollgate: Tenant nobody not found\n'],
    [['invoice', 'issue', 'x', '2026-13'], 1, /^tollgate: Invalid request: period must be a month such as 2026-11/],
    [['invoice', 'show', 'x', '--format', 'pdf'], 2, 'tollgate: --format must be json, csv, html.\n'],
    [['invoice', 'replay'], 2, 'tollgate: <id> is missing. Usage: tollgate invoice replay <id>\n'],
    [['invoice', 'replay', 'a', 'b'], 2, 'tollgate: "b" is too much. Usage: tollgate invoice replay <id>\n'],
    [['invoice', 'burn'], 2, 'tollgate: there is no command "invoice burn". `tollgate invoice --help` lists them.\n'],
    [['invoice', 'lits'], 2, 'tollgate: there is no command "invoice lits". Did you mean "invoice list"? `tollgate invoice --help` lists them.\n'],
    [['invioce', 'list'], 2, 'tollgate: there is no command "invioce". Did you mean "invoice list"? `tollgate --help` lists them.\n'],
    [['invoice', 'issue', 'x', '2026-09', '--froce'], 2, 'tollgate: there is no option --froce. Did you mean "--force"? `tollgate invoice issue --help` lists them.\n'],
    [['invoice', 'issue', 'x', '2026-09', '--force=1'], 2, 'tollgate: --force takes no value.\n'],
    [['invoice', 'replay', 'x', '--server'], 2, /^tollgate: .*--server/],
    [['invoice', 'replay', 'x', '--server', '--json'], 2, /^tollgate: --server needs a value/],
  ])('%j ends with %i and says why', async (argv, code, err) => {
    const result = await asOwner(...argv)
    expect([result.code, result.out]).toEqual([code, ''])
    if (typeof err === 'string') expect(result.err).toBe(err)
    else expect(result.err).toMatch(err)
  })

  it('says how to mend what is outside: no server, no address, no log-in, no control plane', async () => {
    const port = await freePort()
    expect(await run(['invoice', 'list', '--server', `http://127.0.0.1:${port}`])).toMatchObject({ code: 3, err: `tollgate: Nothing answers at http://127.0.0.1:${port}. Start Tollgate (\`npm start\`), or say where it is with --server or TOLLGATE_URL.\n` })
    expect(await run(['invoice', 'list', '--server', 'nonsense'])).toMatchObject({ code: 2, err: 'tollgate: "nonsense" is no address such as http://127.0.0.1:8080.\n' })
    expect(await run(['invoice', 'list'], { env: { TOLLGATE_URL: server } })).toMatchObject({ code: 4, err: expect.stringContaining('Run `tollgate login <email>`') })
    expect(await run(['invoice', 'list'], { env: { TOLLGATE_URL: server, TOLLGATE_TOKEN: 'x' } })).toMatchObject({ code: 4, err: expect.stringContaining('does not accept this log-in') })
  })

  it('keeps a log-in for its server alone, readable by its user alone, and renews it', async () => {
    expect((await run(['login', 'person1-owner@example.com', '--server', server], { input: `${PASSWORD}\n` })).out).toBe(`Logged in at ${server} as person1-owner@example.com.\n`)
    expect(statSync(keptPath()).mode & 0o777).toBe(0o600)
    expect((await run(['invoice', 'list'])).code).toBe(0)
    const kept = JSON.parse(readFileSync(keptPath(), 'utf8')) as { tokens: Record<string, { access_token: string }> }
    kept.tokens[server]!.access_token = 'run.out.token'
    writeFileSync(keptPath(), JSON.stringify(kept))
    expect((await run(['invoice', 'list'])).code).toBe(0)
    expect(readFileSync(keptPath(), 'utf8')).not.toContain('run.out.token')
    const elsewhere = server.replace('127.0.0.1', 'localhost')
    expect((await run(['invoice', 'list', '--server', elsewhere])).err).toContain('does not accept this log-in')
    expect(await run(['login', 'person1-owner@example.com', '--server', server], { input: 'wrong\n' })).toMatchObject({ code: 4, err: 'tollgate: E-mail or password is wrong.\n' })
    expect(await run(['login', 'person1-owner@example.com', '--server', server], { input: '' })).toMatchObject({ code: 1, err: 'tollgate: No password was given.\n' })
  })

  it('is the operator of the installation in its folder, without being told anything', async () => {
    mkdirSync(join(home, '.tollgate'))
    writeFileSync(join(home, '.tollgate/standalone.json'), JSON.stringify({ base_url: server, operator: { email: 'person1-owner@example.com', password: PASSWORD } }))
    expect((await run(['invoice', 'list'])).code).toBe(0)
    writeFileSync(keptPath(), readFileSync(keptPath(), 'utf8').replace(/_token": "[^"]+/g, '_token": "void'))
    expect((await run(['invoice', 'list'])).code).toBe(0)
  })

  it('shows what there is: all of it, a group, one command', async () => {
    expect(await run([])).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/^Usage: tollgate <command>[\s\S]*invoice replay <id> {2}/) })
    expect(await run(['invoice', '--help'])).toMatchObject({ code: 0, out: expect.not.stringContaining('login') })
    expect(await run(['ledger'])).toMatchObject({ code: 2, out: expect.stringContaining('ledger verify') })
    expect((await run(['invoice', 'show', '--help'])).out).toContain('--format <…>')
  })

  it('starts from a shell', () => {
    const started = spawnSync(process.execPath, [join(__dirname, '../../scripts/tollgate.mjs'), 'invoice', 'replay', invoiceId, '--server', server, '--token', 'x', '--json', '--nonsense'], { encoding: 'utf8', timeout: 60_000 })
    expect([started.status, started.stdout]).toEqual([2, ''])
    expect(started.stderr).toContain("tollgate: there is no option --nonsense")
  })
})
