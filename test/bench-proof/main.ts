import { mkdtempSync, rmSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { startEmbeddedPostgres } from '@tollgate/platform/embedded'
import { Database, migrate } from '@tollgate/platform/postgres'
import { LedgerSealService, LedgerVerifyService } from '@tollgate/proof'
import { LedgerChainStore } from '../../libs/proof/ledger-chain.store'
import { LedgerSealStore } from '../../libs/proof/ledger-seal.store'

/** Seconds that a million rows may take. */
const MOST_SECONDS = 60
const CHUNK = 100_000
const PASSWORD = 'bench'
const TENANT = '019a0000-0000-7000-8000-0000000000be'

/** Usage rows as calls leave them, spread over the days of this month, each with the provider's usage object. */
const INSERT_USAGE = `INSERT INTO usage (tenant_id, day, rid, rank, amount_pico, budgets, key_id, surface, requested_model, model, provider, region, host, status, finish_reason, is_stream,
    prompt_tokens, completion_tokens, cached_tokens, cache_write_tokens, reasoning_tokens, usage_source, raw_usage, flags, price_id, duration_ms, first_event_ms, attempts, started_at, recorded_at)
  SELECT $1::uuid, at::date, uuidv7(at - now()), 1, 1000 * n, ARRAY['tenant|month:now', 'key:' || $1::uuid || '|month:now'], $1::uuid, 'chat', 'llama3.2', 'llama3.2', 'ollama', 'us-east', 'ollama-us-1', 'completed', 'stop', true,
    20 + n % 100, 30 + n % 300, 0, 0, 0, 'provider', '{"prompt_tokens":' || (20 + n % 100) || ',"completion_tokens":' || (30 + n % 300) || ',"prompt_tokens_details":{"cached_tokens":0}}', '{}', $1::uuid, 900, 80, 1, at, at + interval '1 second'
  FROM (SELECT n, date_trunc('month', now()) + n * interval '2 seconds' AS at FROM generate_series($2::int, $3::int) n) calls`
const INSERT_LEDGER = `INSERT INTO ledger (tenant_id, day, rid, rank, delta_pico, recorded_at) SELECT tenant_id, day, rid, rank, amount_pico, recorded_at FROM usage WHERE amount_pico BETWEEN 1000 * $1::bigint AND 1000 * $2::bigint`

/** Seals and verifies a ledger of so many rows on a Postgres of its own, and prints how long that took. */
async function run(rows: number): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-bench-proof-'))
  await chmod(folder, 0o755)
  const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), durability: 'safe' })
  try {
    await migrate({ url: postgres.url, rolePassword: PASSWORD })
    const owner = new Client({ connectionString: postgres.url })
    owner.on('error', () => undefined)
    await owner.connect()
    const connect = (role: 'tg_worker' | 'tg_admin') => Database.connect({ url: postgres.url, role, password: PASSWORD, entities: [], poolSize: 2 })
    const [worker, admin] = [await connect('tg_worker'), await connect('tg_admin')]
    await owner.query(`INSERT INTO tenant (id, slug, name, tier, home_region, allowed_regions, bucket) VALUES ($1, 'bench', 'Bench', 'standard', 'us-east', '{us-east}', 0)`, [TENANT])
    await timed(`${rows} rows posted`, rows, async () => {
      for (let from = 1; from <= rows; from += CHUNK) {
        const to = Math.min(rows, from + CHUNK - 1)
        await owner.query(INSERT_USAGE, [TENANT, from, to])
        await owner.query(INSERT_LEDGER, [from, to])
      }
      await owner.query('ANALYZE')
    })
    await timed('sealed', rows, () => new LedgerSealService(new LedgerSealStore(worker)).sealWaiting())
    const verifier = new LedgerVerifyService(new LedgerChainStore(admin))
    let report = (await verifier.verify(TENANT))[0]
    const seconds = await timed('verified', rows, async () => (report = (await verifier.verify(TENANT))[0]))
    console.log(`chain: ${report!.sealed} sealed, ${report!.unsealed} unsealed, ${report!.problem?.sentence ?? 'every link holds'}`)
    await owner.query('UPDATE ledger SET delta_pico = delta_pico + 1 WHERE rid = (SELECT rid FROM ledger_seal WHERE tenant_id = $1 AND seq = $2)', [TENANT, Math.ceil(rows / 2)])
    await timed('an altered row named', rows, async () => (report = (await verifier.verify(TENANT))[0]))
    console.log(`chain: link ${report!.problem?.seq}: ${report!.problem?.sentence}`)
    await Promise.all([worker.close(), admin.close(), owner.end()])
    return seconds <= (MOST_SECONDS * rows) / 1_000_000 && report!.problem?.seq === Math.ceil(rows / 2)
  } finally {
    await postgres.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function timed(what: string, rows: number, work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  const seconds = (performance.now() - startedAt) / 1000
  console.log(`${what}: ${seconds.toFixed(1)} s, ${Math.round(rows / seconds)} rows/s, ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB resident`)
  return seconds
}

const rows = Number(process.argv[2] ?? 1_000_000)
run(rows).then(
  (isFastEnough) => process.exit(isFastEnough ? 0 : 1),
  (error: unknown) => {
    console.error(error)
    process.exit(1)
  },
)
