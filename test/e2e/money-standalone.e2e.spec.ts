import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import { picoFromDecimal } from '../../libs/kernel'
import { startSandbox, type Sandbox } from '../../apps/sandbox/src'
import { readSecret } from '../../libs/platform/embedded/data-folder'
import { superuserUrl } from '../../libs/platform/embedded/postgres-server'
import { eventually, freePort, spawnApp, tempFolder, type SpawnedApp } from '../support'
import { sumsOf, yesterday } from '../support/books'
import { drive, mixedCalls, type MixedCall, type Outcome } from '../support/traffic'
import { quietHosts, UpstreamTruth } from '../support/upstream-truth'
import { judge, printVerdict } from '../support/verdict'

/** Change it to draw other traffic; what the kills hit depends on the moment as well. */
const SEED = 49_121
const KILLS = 2
/** What the demo price list asks for llama3.2, in pico a token. */
const PRICE = { input: 100_000n, output: 200_000n }

interface StandaloneFile {
  base_url: string
  tenants: { slug: string; api_key: string }[]
}

describe('kill -9 of a whole installation under load', () => {
  const folder = tempFolder()
  const truth = new UpstreamTruth(PRICE)
  let sandbox: Sandbox
  let app: SpawnedApp
  let env: Record<string, string>
  let owner: Client
  let tenant: { id: string; key: string }
  let outcomes: Outcome[] = []
  const files: StandaloneFile[] = []

  beforeAll(async () => {
    // Outlives the installation, and plays the real Ollama that it finds.
    sandbox = await startSandbox({ hosts: [{ name: 'ollama', region: 'us-east', dialect: 'ollama', models: ['llama3.2'], defaults: { gap: 10 }, keptRequests: Infinity }] })
    env = { TOLLGATE_DATA_DIR: folder.path, PORT: String(await freePort()), OLLAMA_BASE_URL: sandbox.hosts[0]!.baseUrl, OLLAMA_DEFAULT_MODEL: 'llama3.2', TOLLGATE_LEASE_MS: '1500', TOLLGATE_CHECKPOINT_MS: '100' }
    for (let life = 0; life < KILLS; life++) {
      await start()
      outcomes = outcomes.concat(await trafficThenDeath(life))
    }
    await start()
    await eventually(() => quietHosts(sandbox))
    truth.read(sandbox.hosts)
    owner = new Client({ connectionString: addressOf(folder.path) })
    await owner.connect()
    const { rows } = await owner.query('SELECT id FROM tenant WHERE slug = $1', ['umbrella-enterprise'])
    tenant = { id: rows[0].id, key: keyOf(files[0]!) }
  }, 240_000)
  afterAll(async () => {
    await owner?.end()
    await app?.stop()
    await sandbox.close()
    folder.remove()
  }, 30_000)

  async function start(): Promise<void> {
    app = await spawnApp('apps/standalone/src/main', env, { line: /Ctrl-C stops everything/ }, { timeoutMs: 60_000 })
    files.push(JSON.parse(readFileSync(join(folder.path, 'standalone.json'), 'utf8')) as StandaloneFile)
  }

  async function trafficThenDeath(life: number): Promise<Outcome[]> {
    let isOver = false
    const calls = mixedCalls(SEED + life, 10_000).map((call): MixedCall => ({ ...call, model: 'llama3.2' }))
    const traffic = drive(calls, 16, () => files[0]!.base_url, [{ key: keyOf(files[0]!) }], () => isOver)
    const host = sandbox.hosts[0]!
    const before = host.stats().completed
    await eventually(() => expect(host.stats().completed).toBeGreaterThan(before + 120), { timeoutMs: 20_000 })
    // From now on answers take four seconds. One of them has been told for a second, so for ten checkpoints, when all dies.
    await host.set('ok;words=400')
    await eventually(() => expect(host.log().find(({ end, generated_tokens }) => end === null && generated_tokens >= 100)).toBeDefined(), { timeoutMs: 20_000 })
    await app.stop('SIGKILL')
    await host.set('ok')
    isOver = true
    return traffic
  }

  it('completed calls are billed exactly what was counted upstream, others no more', async () => {
    const { verdict, examples } = await judge(outcomes, truth, owner, [{ id: tenant.id, slug: '', keyId: '', key: tenant.key }], { isDeathForgotten: true })
    printVerdict(`installation killed ${KILLS} times`, SEED, verdict)
    expect(examples).toEqual([])
    expect(verdict).toMatchObject({ completed: verdict.equal, lost: 0, doubled: 0, over: 0 })
    expect(verdict.completed).toBeGreaterThan(100)
  })

  it('calls that died with the process are billed as far as their last checkpoint says', async () => {
    const { rows } = await owner.query<{ rid: string; amount_pico: string }>("SELECT rid, amount_pico FROM usage WHERE tenant_id = $1 AND status = 'swept' AND completion_tokens > 0", [tenant.id])
    expect(rows.length).toBeGreaterThan(0)
    for (const { rid, amount_pico } of rows) expect(BigInt(amount_pico)).toBeLessThanOrEqual(truth.all(rid))
  })

  it('the cost report is the ledger, after every start', async () => {
    const { ledger, usage, hourly, daily } = await sumsOf(owner, tenant.id)
    expect([usage, hourly, daily]).toEqual([ledger, ledger, ledger])
    const report = (await (await fetch(`${files[0]!.base_url}/cost-report?from=${yesterday()}`, { headers: { 'x-api-key': tenant.key } })).json()) as { total: { cost: string } }
    expect(picoFromDecimal(report.total.cost)).toBe(BigInt(ledger))
  })

  it('every start keeps the keys and the address, and serves with them', async () => {
    for (const file of files) expect(file.tenants).toEqual(files[0]!.tenants)
    const reply = await fetch(`${files.at(-1)!.base_url}/chat`, { method: 'POST', headers: { 'x-api-key': tenant.key, 'content-type': 'application/json' }, body: JSON.stringify({ message: 'still there?' }) })
    expect(reply.status).toBe(200)
  })
})

function keyOf(file: StandaloneFile): string {
  return file.tenants.find(({ slug }) => slug === 'umbrella-enterprise')!.api_key
}

/** The embedded server's own address, as its data folder keeps it. */
function addressOf(dataDir: string): string {
  const { port, password } = readSecret(join(dataDir, 'postgres'))
  return superuserUrl(port, password)
}
