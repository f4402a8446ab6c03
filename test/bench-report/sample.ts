import { Client } from 'pg'
import { migrate } from '@tollgate/platform/postgres'

/** A small tenant and one day of it: enough keys, models, hosts and retries, and quickly applied. */
const TENANT = 'tenant-060'
const KEYS = 'project_id, key_id, model, provider, region, host'
const SUMS = 'requests, failures, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_pico, duration_ms, durations, attempts, uncosted_attempts, provider_cost_pico'

/**
 * Applies a day of a tenant through `apply_claims` in a database of its own and compares all rollups with those that
 * were built: a bench over rows that the product would never write would measure nothing.
 * @throws with the number of lines that differ
 */
export async function checkSample(owner: Client, url: string, rolePassword: string, day: string): Promise<string> {
  const claims = await owner.query<{ claims: object[] }>(
    `SELECT coalesce(jsonb_agg(to_jsonb(u) - 'recorded_at' || jsonb_build_object('budgets', '[]'::jsonb, 'provider_attempts',
        (SELECT jsonb_agg(to_jsonb(a) - 'tenant_id' - 'day' - 'rid') FROM provider_cost a WHERE a.day = u.day AND a.rid = u.rid))), '[]') AS claims
     FROM usage u WHERE u.day = $1 AND u.tenant_id = (SELECT id FROM tenant WHERE slug = $2)`,
    [day, TENANT],
  )
  const applied = claims.rows[0]!.claims
  const built = await rollups(owner, day)
  await owner.query('DROP DATABASE IF EXISTS sample WITH (FORCE)')
  await owner.query('CREATE DATABASE sample')
  const address = withDatabase(url, 'sample')
  await migrate({ url: address, rolePassword })
  const other = new Client({ connectionString: address })
  await other.connect()
  try {
    const { rows } = await owner.query(`SELECT to_jsonb(t) AS tenant FROM tenant t WHERE slug = $1`, [TENANT])
    await other.query(`INSERT INTO tenant SELECT * FROM jsonb_populate_record(null::tenant, $1)`, [rows[0].tenant])
    await other.query(`SELECT ensure_usage_partitions($1::date, 1)`, [day])
    await other.query('SELECT FROM apply_claims($1)', [JSON.stringify(applied)])
    const truth = await rollups(other, day)
    for (const client of [owner, other]) await checkTotals(client, day)
    const differing = truth.filter((line) => !built.includes(line)).length + built.filter((line) => !truth.includes(line)).length
    if (applied.length === 0 || differing > 0) throw new Error(`${differing} lines of the built rollups differ from apply_claims' own, of ${truth.length} for ${applied.length} calls`)
    return `sample: ${applied.length} calls of ${TENANT} on ${day} through apply_claims make the same ${truth.length} lines of the rollups`
  } finally {
    await other.end()
    await owner.query('DROP DATABASE sample WITH (FORCE)')
  }
}

/** Hours of all tenants are what their own add up to. @throws with the number of lines that differ */
async function checkTotals(client: Client, day: string): Promise<void> {
  const [added, kept] = ['usage_tenant_hourly r JOIN tenant t ON t.id = r.tenant_id', 'usage_total_hourly r'].map(
    (from) => `SELECT currency, r.hour, ${SUMS.split(', ').map((name) => `sum(r.${name})::numeric`).join(', ')} FROM ${from} WHERE r.hour >= $1::timestamp AT TIME ZONE 'UTC' AND r.hour < ($1::timestamp + interval '1 day') AT TIME ZONE 'UTC' GROUP BY 1, 2`,
  )
  const { rows } = await client.query<{ lines: number; differing: number }>(`SELECT (SELECT count(*)::int FROM (${kept}) k) AS lines, (SELECT count(*)::int FROM ((${added} EXCEPT ${kept}) UNION ALL (${kept} EXCEPT ${added})) d) AS differing`, [day])
  const { lines, differing } = rows[0]!
  if (lines === 0 || differing > 0) throw new Error(`${differing} hours of all tenants differ from what their own add up to, of ${lines}`)
}

async function rollups(client: Client, day: string): Promise<string[]> {
  const { rows } = await client.query<{ line: string }>(
    [['usage_hourly', 'hour', KEYS], ['usage_daily', 'day', KEYS], ['usage_model_daily', 'day', 'model'], ['usage_tenant_hourly', 'hour', "''"]]
      .map(([table, time, keys]) => `SELECT ROW('${table}', extract(epoch FROM r.${time}), ${keys}, ${SUMS})::text AS line FROM ${table} r
         WHERE tenant_id = (SELECT id FROM tenant WHERE slug = $2) AND r.${time} >= $1::timestamp AT TIME ZONE 'UTC' AND r.${time} < ($1::timestamp + interval '1 day') AT TIME ZONE 'UTC'`)
      .join(' UNION ALL '),
    [day, TENANT],
  )
  return rows.map(({ line }) => line)
}

/** The same server, another database. */
function withDatabase(url: string, name: string): string {
  const address = new URL(url)
  address.pathname = `/${name}`
  return address.href
}
