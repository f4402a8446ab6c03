import type { Client } from 'pg'

/** How many calls, and over what time: the last of `months` whole months is the one that reports are asked for. */
export interface Size {
  readonly rows: number
  readonly months: number
}

/** What was built, as the reports need to know it. */
export interface Dataset {
  /** The last whole month, `[from, to)` as YYYY-MM-DD. */
  readonly from: string
  readonly to: string
  /** The tenant with the most calls (an eighth of all) and one in the middle (one in a hundred). */
  readonly biggest: string
  readonly typical: string
}

export const TENANTS = 200
const CHUNK = 500_000
/** A server that may write its log when it likes builds in half the time. */
const SESSION = `SET work_mem = '512MB'; SET maintenance_work_mem = '512MB'; SET synchronous_commit = off; SET jit = off; SET statement_timeout = 0`

/**
 * Numbers in [0, 1) that depend on the number of the call and a seed alone: the same rows on every machine, in any order.
 * Tenants are weighed as 1/rank. A tenant has 2 to 24 keys, a key is bound to a project or none and has one model that it
 * mostly calls; a call goes to one of two hosts of its region, mostly the tenant's home.
 */
const FUNCTIONS = `
  CREATE SCHEMA bench;
  CREATE FUNCTION bench.pick(n bigint, seed integer) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT (hashint8extended(n, seed) & 1048575)::float8 / 1048576 $$;
  CREATE FUNCTION bench.id(kind text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT overlay(overlay(md5(kind || n) placing '7' from 13) placing '8' from 17)::uuid $$;
  CREATE FUNCTION bench.slug(tenant integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 'tenant-' || lpad(tenant::text, 3, '0') $$;
  CREATE TABLE bench.model (n integer PRIMARY KEY, name text, provider text, host text, region text, input_pico bigint, output_pico bigint);
  INSERT INTO bench.model VALUES
    (0, 'llama3.2', 'ollama', NULL, NULL, 50000, 100000), (1, 'phi3', 'ollama', NULL, NULL, 30000, 60000), (2, 'mistral:7b', 'ollama', NULL, NULL, 60000, 120000),
    (3, 'qwen2.5:3b', 'ollama', NULL, NULL, 40000, 80000), (4, 'codellama:13b', 'ollama', NULL, NULL, 90000, 180000), (5, 'llama3.1:70b', 'ollama', NULL, NULL, 400000, 800000),
    (6, 'granite-code:3b', 'ollama', NULL, NULL, 40000, 80000), (7, 'qwen3:14b', 'ollama', NULL, NULL, 100000, 200000),
    (8, 'gpt-4o-mini', 'openai', 'openai-us', 'us-east', 150000, 600000), (9, 'gpt-4o', 'openai', 'openai-us', 'us-east', 2500000, 10000000),
    (10, 'claude-sonnet', 'anthropic', 'anthropic-eu', 'eu-west', 3000000, 15000000), (11, 'deepseek-chat', 'openrouter', 'openrouter-eu', 'eu-west', 270000, 1100000);
  CREATE FUNCTION bench.region(n integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT (ARRAY['us-east', 'eu-west', 'asia-pacific'])[1 + n % 3] $$;`

const TENANT_ROWS = `
  INSERT INTO tenant (id, slug, name, tier, home_region, allowed_regions, bucket, currency, created_at)
  SELECT bench.id('tenant', t), bench.slug(t), bench.slug(t), 'enterprise', bench.region(t), ARRAY['us-east', 'eu-west', 'asia-pacific'], t % 64, CASE WHEN t % 10 = 0 THEN 'EUR' ELSE 'USD' END, '2026-01-01'
  FROM generate_series(1, ${TENANTS}) t;
  INSERT INTO project (tenant_id, id, slug, name)
  SELECT bench.id('tenant', t), bench.id('project', t * 100 + p), 'project-' || p, 'Project ' || p FROM generate_series(1, ${TENANTS}) t, generate_series(1, 5) p`

/** Calls `$from` to `$to` of `rows`, evenly over the time: nobody sleeps, which makes the most rows in the rollups. */
function calls(from: number, to: number, rows: number): string {
  return `SELECT c.n, c.at, c.t, c.k, m.name, m.provider, coalesce(m.region, c.region) AS region,
      coalesce(m.host, 'ollama-' || c.region || '-' || (1 + (bench.pick(c.n, 6) > 0.7)::int)) AS host,
      CASE WHEN bench.pick(c.n, 8) < 0.02 THEN 'failed' WHEN bench.pick(c.n, 8) < 0.03 THEN 'aborted' ELSE 'completed' END AS status,
      50 + (bench.pick(c.n, 9) * 3000)::int AS prompt, 10 + (bench.pick(c.n, 10) * 800)::int AS completion,
      round(20 * exp(bench.pick(c.n, 11) * 7.5))::int AS ms, bench.pick(c.n, 12) < 0.03 AS is_retried, m.input_pico, m.output_pico
    FROM (SELECT k.*, CASE WHEN bench.pick(n, 4) < 0.85 THEN bench.region(t) ELSE bench.region((bench.pick(n, 5) * 3)::int) END AS region,
        (t * 7 + k * 3 + CASE WHEN bench.pick(n, 3) < 0.8 THEN 0 WHEN bench.pick(n, 3) < 0.95 THEN 1 ELSE 5 END) % 12 AS model
      FROM (SELECT w.*, floor(greatest(2, 24 - t / 8) * bench.pick(n, 2) ^ 2)::int AS k
        FROM (SELECT n, (SELECT starts_at + (ends_at - starts_at) * (n::float8 / ${rows}) FROM bench.span) AS at, floor(exp(bench.pick(n, 1) * ln(${TENANTS} + 1)))::int AS t
          FROM generate_series(${from}::bigint, ${to}::bigint - 1) n) w) k) c
    JOIN bench.model m ON m.n = c.model`
}

/** Columns of `usage` that a call brings, and how. The rest are the same for all. */
const USAGE: Readonly<Record<string, string>> = {
  tenant_id: `bench.id('tenant', t)`, day: `(at AT TIME ZONE 'UTC')::date`, rid: `overlay(overlay(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || substr(md5(n::text), 1, 20) placing '7' from 13) placing '8' from 17)::uuid`,
  rank: '1', amount_pico: `CASE WHEN status = 'failed' THEN 0 ELSE prompt * input_pico + completion * output_pico END`, budgets: `ARRAY['tenant|month:' || to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD')]`,
  project_id: `CASE WHEN k % 6 = 0 THEN NULL ELSE bench.id('project', t * 100 + k % 6) END`, key_id: `bench.id('key', t * 100 + k)`, surface: `'openai'`, requested_model: 'name', model: 'name', provider: 'provider', region: 'region', host: 'host',
  status: 'status', error_code: `CASE WHEN status = 'failed' THEN 'upstream_error' END`, finish_reason: `CASE WHEN status = 'completed' THEN 'stop' END`, is_stream: 'n % 2 = 0', prompt_tokens: 'prompt',
  completion_tokens: `CASE WHEN status = 'failed' THEN 0 ELSE completion END`, cached_tokens: 'CASE WHEN n % 4 = 0 THEN prompt / 2 ELSE 0 END', cache_write_tokens: '0', reasoning_tokens: '0', usage_source: `'provider'`,
  raw_usage: `'{"prompt_tokens":' || prompt || ',"completion_tokens":' || completion || ',"prompt_tokens_details":{"cached_tokens":0}}'`, flags: `'{}'::text[]`, price_id: `bench.id('price', t)`, duration_ms: 'ms', first_event_ms: 'ms / 5',
  attempts: '1 + is_retried::int', started_at: 'at', recorded_at: `at + interval '1 second'`,
}
const ATTEMPT = ['tenant_id', 'day', 'rid', 'attempt', 'host', 'provider', 'region', 'model', 'outcome', 'duration_ms', 'cost_pico']
const SUMS = ['requests', 'failures', 'prompt_tokens', 'completion_tokens', 'cached_tokens', 'reasoning_tokens', 'cost_pico', 'duration_ms', 'durations', 'attempts', 'uncosted_attempts', 'provider_cost_pico']
const KEYS = ['tenant_id', 'project_id', 'key_id', 'model', 'provider', 'region', 'host']

const ROLLUPS = [['usage_hourly', 'hour'], ['usage_daily', 'day'], ['usage_monthly', 'month']] as const

/** One row an attempt: a retried call failed at another host first. Three hosts out of ten have no known cost. */
function attemptsOf(span: string): string {
  const common = `bench.id('tenant', t) AS tenant_id, ${USAGE.day} AS day, ${USAGE.rid} AS rid`
  return `WITH c AS MATERIALIZED (${span})
    SELECT ${common}, 1::smallint, CASE WHEN is_retried THEN 'ollama-' || region || '-3' ELSE host END, provider, region, name, CASE WHEN is_retried OR status = 'failed' THEN 'failed' ELSE 'completed' END, CASE WHEN is_retried THEN 40 ELSE ms END,
      CASE WHEN provider = 'openrouter' THEN NULL WHEN is_retried THEN 0 ELSE (prompt * input_pico + completion * output_pico) / 2 END FROM c
    UNION ALL SELECT ${common}, 2::smallint, host, provider, region, name, status, ms, CASE WHEN provider = 'openrouter' THEN NULL ELSE (prompt * input_pico + completion * output_pico) / 2 END FROM c WHERE is_retried`
}

/**
 * What apply_claims would have folded: entries by where they were served, attempts by where they went. Rows lie in the order
 * in which their first calls came, tenants mixed as they are in life: sorted by tenant, a report would read a tenth of the pages.
 */
function foldOf(unit: string, from: string, to: string): string {
  const id = `coalesce(u.project_id, '00000000-0000-0000-0000-000000000000') AS project_id`
  const within = (table: string) => `${table}.day >= '${from}' AND ${table}.day < '${to}'`
  return `SELECT tenant_id, date_trunc('${unit}', started_at, 'UTC'), ${KEYS.slice(1).join(', ')}, ${SUMS.map((name) => `sum(${name})`).join(', ')} FROM (
      SELECT u.tenant_id, u.started_at, ${id}, u.key_id, u.model, u.provider, u.region, u.host, 1 AS requests, (u.status = 'failed')::int AS failures, u.prompt_tokens, u.completion_tokens, u.cached_tokens, u.reasoning_tokens,
        u.amount_pico AS cost_pico, u.duration_ms::bigint, duration_count(u.duration_ms) AS durations, 0 AS attempts, 0 AS uncosted_attempts, 0 AS provider_cost_pico FROM usage u WHERE ${within('u')}
      UNION ALL SELECT u.tenant_id, u.started_at, ${id}, u.key_id, u.model, a.provider, a.region, a.host, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, (a.cost_pico IS NULL)::int, coalesce(a.cost_pico, 0)
        FROM provider_cost a JOIN usage u ON u.day = a.day AND u.rid = a.rid WHERE ${within('a')} AND ${within('u')}) f
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY min(started_at)`
}

/** Into a table through a file of the server's own: COPY is the only way that takes minutes and not hours. */
async function copy(owner: Client, table: string, columns: readonly string[], select: string): Promise<void> {
  const { rows } = await owner.query<{ path: string }>(`SELECT current_setting('data_directory') || '/bench-rows' AS path`)
  await owner.query(`COPY (${select}) TO '${rows[0]!.path}' (FORMAT binary)`)
  await owner.query(`COPY ${table} (${columns.join(', ')}) FROM '${rows[0]!.path}' (FORMAT binary)`)
  await owner.query(`COPY (SELECT) TO '${rows[0]!.path}' (FORMAT binary)`)
}

/** Fills an empty, migrated database. `tell` hears of every step. */
export async function build(owner: Client, { rows, months }: Size, tell: (line: string) => void): Promise<void> {
  await owner.query(SESSION)
  await owner.query(FUNCTIONS)
  await owner.query(`CREATE TABLE bench.span AS SELECT date_trunc('month', now(), 'UTC') - make_interval(months => ${months}) AS starts_at, date_trunc('month', now(), 'UTC') AS ends_at`)
  await owner.query(`SELECT ensure_usage_partitions((SELECT starts_at AT TIME ZONE 'UTC' FROM bench.span)::date, ${months})`)
  await owner.query(TENANT_ROWS)
  for (let from = 0; from < rows; from += CHUNK) {
    const span = calls(from, Math.min(rows, from + CHUNK), rows)
    await copy(owner, 'usage', Object.keys(USAGE), `SELECT ${Object.entries(USAGE).map(([name, value]) => `(${value})::${TYPES[name] ?? 'text'}`).join(', ')} FROM (${span}) c`)
    await copy(owner, 'provider_cost', ATTEMPT, attemptsOf(span))
    tell(`${Math.min(rows, from + CHUNK)} calls`)
  }
  for (let month = 0; month < months; month++) {
    const { rows: edges } = await owner.query<{ from: string; to: string }>(`SELECT to_char(starts_at AT TIME ZONE 'UTC' + make_interval(months => $1), 'YYYY-MM-DD') AS from, to_char(starts_at AT TIME ZONE 'UTC' + make_interval(months => $1 + 1), 'YYYY-MM-DD') AS to FROM bench.span`, [month])
    const { from, to } = edges[0]!
    await copy(owner, 'ledger', ['tenant_id', 'day', 'rid', 'rank', 'delta_pico', 'recorded_at'], `SELECT tenant_id, day, rid, rank, amount_pico, recorded_at FROM usage WHERE day >= '${from}' AND day < '${to}'`)
    for (const [table, unit] of ROLLUPS) await owner.query(`INSERT INTO ${table} (tenant_id, ${unit}, ${[...KEYS.slice(1), ...SUMS].join(', ')}) ${foldOf(unit, from, to)}`)
    await owner.query(
      `INSERT INTO usage_key_monthly (tenant_id, month, project_id, key_id, ${SUMS.join(', ')}) SELECT tenant_id, month, project_id, key_id, ${SUMS.map((name) => `sum(${name})`).join(', ')} FROM usage_monthly
       WHERE month = '${from}'::timestamp AT TIME ZONE 'UTC' GROUP BY 1, 2, 3, 4 ORDER BY md5(tenant_id::text || key_id)`,
    )
    await owner.query(
      `INSERT INTO usage_tenant_hourly (tenant_id, hour, ${SUMS.join(', ')}) SELECT tenant_id, hour, ${SUMS.map((name) => `sum(${name})`).join(', ')} FROM usage_hourly
       WHERE hour >= '${from}'::timestamp AT TIME ZONE 'UTC' AND hour < '${to}'::timestamp AT TIME ZONE 'UTC' GROUP BY 1, 2 ORDER BY 2, md5(tenant_id::text || hour)`,
    )
    await owner.query(
      `INSERT INTO usage_model_daily (tenant_id, day, model, ${SUMS.join(', ')}) SELECT tenant_id, day, model, ${SUMS.map((name) => `sum(${name})`).join(', ')} FROM usage_daily
       WHERE day >= '${from}'::timestamp AT TIME ZONE 'UTC' AND day < '${to}'::timestamp AT TIME ZONE 'UTC' GROUP BY 1, 2, 3 ORDER BY 2, md5(tenant_id::text || model)`,
    )
    await owner.query(
      `INSERT INTO usage_total_hourly (currency, hour, is_merged, ${SUMS.join(', ')}) SELECT t.currency, h.hour, true, ${SUMS.map((name) => `sum(h.${name})`).join(', ')} FROM usage_tenant_hourly h JOIN tenant t ON t.id = h.tenant_id
       WHERE h.hour >= '${from}'::timestamp AT TIME ZONE 'UTC' AND h.hour < '${to}'::timestamp AT TIME ZONE 'UTC' GROUP BY 1, 2 ORDER BY 2, 1`,
    )
    tell(`ledger and rollups of ${from}`)
  }
  await owner.query('VACUUM (ANALYZE)')
  tell('vacuumed')
}

const TYPES: Readonly<Record<string, string>> = {
  tenant_id: 'uuid', day: 'date', rid: 'uuid', rank: 'smallint', amount_pico: 'bigint', budgets: 'text[]', project_id: 'uuid', key_id: 'uuid', is_stream: 'boolean', prompt_tokens: 'bigint', completion_tokens: 'bigint', cached_tokens: 'bigint',
  cache_write_tokens: 'bigint', reasoning_tokens: 'bigint', flags: 'text[]', price_id: 'uuid', duration_ms: 'integer', first_event_ms: 'integer', attempts: 'smallint', started_at: 'timestamptz', recorded_at: 'timestamptz',
}

/** What a built database holds. */
export async function describe(owner: Client): Promise<Dataset & { readonly lines: string[] }> {
  const { rows } = await owner.query<{ from: string; to: string }>(`SELECT to_char(ends_at AT TIME ZONE 'UTC' - interval '1 month', 'YYYY-MM-DD') AS from, to_char(ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS to FROM bench.span`)
  const { from, to } = rows[0]!
  const lines: string[] = []
  for (const [table, edge] of [['usage', 'day'], ['provider_cost', 'day'], ...ROLLUPS, ['usage_key_monthly', 'month'], ['usage_model_daily', 'day'], ['usage_tenant_hourly', 'hour'], ['usage_total_hourly', 'hour']] as const) {
    const isBiggest = table === 'usage_total_hourly' ? 'false' : `tenant_id = bench.id('tenant', 1)`
    const { rows: counts } = await owner.query<{ all: string; month: string; biggest: string; size: string }>(
      `SELECT count(*) AS all, count(*) FILTER (WHERE ${edge} >= '${from}') AS month, count(*) FILTER (WHERE ${edge} >= '${from}' AND ${isBiggest}) AS biggest,
         (SELECT pg_size_pretty(sum(pg_total_relation_size(oid))) FROM pg_class WHERE relkind = 'r' AND relname ~ '^${table}(_[0-9]+)?$') AS size FROM ${table}`,
    )
    const { all, month, biggest, size } = counts[0]!
    lines.push(`${table}: ${all} rows (${size}), ${month} of the month, ${biggest} of them the biggest tenant's`)
  }
  return { from, to, biggest: 'tenant-001', typical: 'tenant-014', lines }
}
