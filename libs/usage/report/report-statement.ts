import type { ReportGroup } from '../domain/cost-report'
import type { LocalDays, ReportPeriod } from '../domain/report-period'
import { planReading, type Range } from '../domain/report-reading'

/** What to fold: one tenant's calls or everybody's, by groups. `days` are there when `day` is among the groups. */
export interface Fold {
  readonly tenantId: string | null
  readonly period: ReportPeriod
  readonly groupBy: readonly ReportGroup[]
  readonly days: LocalDays | null
}

/** A statement with its parameters; its rows have `part` (0 models, 1 groups), `keys` in the order of the groups, and sums. */
export interface Statement {
  readonly sql: string
  readonly values: readonly unknown[]
}

const SUMS = ['requests', 'failures', 'prompt_tokens', 'completion_tokens', 'cached_tokens', 'reasoning_tokens', 'cost_pico', 'duration_ms', 'durations']
const NAMES = ['tenant_id', 'project_id', 'key_id', 'model', 'provider', 'region', 'host']
const NO_PROJECT = '00000000-0000-0000-0000-000000000000'

/** By group: its column of a rollup (alias r), and its key as text (alias f), which sorts as the group does. */
const COLUMNS: Readonly<Record<ReportGroup, readonly [column: string, key: string]>> = {
  tenant: ['tenant_id', 't.slug'],
  model: ['model', 'f.model'],
  project: ['project_id', `coalesce(p.slug, CASE WHEN f.project_id <> '${NO_PROJECT}' THEN f.project_id::text ELSE '' END)`],
  api_key: ['key_id', 'f.key_id::text'],
  region: ['region', 'f.region'],
  provider: ['provider', 'f.provider'],
  host: ['host', 'f.host'],
  day: ['day', 'dates.dates[f.day]'],
  hour: ['hour', `to_char(f.hour AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:00:00"Z"')`],
}

/** Tables that fold calls, and the columns by which they tell them apart beside the time. */
interface Rollups {
  readonly names: readonly string[]
  readonly hours: string
  /** Null = there are none: hours are few enough. */
  readonly coarser: { readonly days: string; readonly months: string } | null
}

const FULL: Rollups = { names: NAMES, hours: 'usage_hourly', coarser: { days: 'usage_daily', months: 'usage_monthly' } }
/** A row for a key's month, where `FULL` has fourteen. */
const BY_KEY: Rollups = { names: ['tenant_id', 'project_id', 'key_id'], hours: 'usage_hourly', coarser: { days: 'usage_daily', months: 'usage_key_monthly' } }
const OF_KEYS: readonly ReportGroup[] = ['tenant', 'project', 'api_key']
/** A row for a model's day, where `FULL` has thirty. */
const BY_MODEL: Rollups = { names: ['tenant_id', 'model'], hours: 'usage_hourly', coarser: { days: 'usage_model_daily', months: 'usage_monthly' } }
const OF_MODELS: readonly ReportGroup[] = ['tenant', 'model', 'day']
/** A row for a tenant's hour, where `FULL` has a hundred; of all tenants a few for an hour, however many tenants there are. */
const TOTALS: Rollups = { names: ['tenant_id'], hours: 'usage_tenant_hourly', coarser: { days: 'usage_model_daily', months: 'usage_key_monthly' } }
const GRAND_TOTALS: Rollups = { names: ['currency'], hours: 'usage_total_hourly', coarser: null }
const OF_TOTALS: readonly ReportGroup[] = ['tenant', 'day', 'hour']

/** Longest page that is put together tenant by tenant; of whole reports all rows are read anyway. */
const MOST_BY_TENANT = 1_001

type Bind = (value: unknown) => string

/**
 * One statement for a whole report, so that all of it is of one moment: the rollups are folded once, as finely as models
 * and groups need (`fine`), and the few lines of that are added up twice. Groups are folded from the
 * rollups with the fewest rows, models apart where totals are fewer. A tenant's rows are a range of a primary key; over all tenants the days are. Groups that only
 * corrections left behind have no requests and no line.
 * @param hasModels adds the lines by model
 * @param page only groups after these keys, and at most so many rows
 */
export function foldStatement(fold: Fold, hasModels: boolean, page: { after: readonly string[] | null; limit: number }): Statement {
  if (fold.tenantId === null && fold.groupBy[0] === 'tenant' && page.limit <= MOST_BY_TENANT) return tenantsPage(fold, page)
  const values: unknown[] = []
  const bind: Bind = (value) => `$${values.push(value)}`
  const { tenantId, groupBy } = fold
  const hasGroups = groupBy.length > 0 || tenantId === null
  const isOfTotals = hasGroups && groupBy.every((group) => OF_TOTALS.includes(group))
  // Folded by tenant first where its name or its projects' are asked, or a key, which has one tenant: it is looked up once a
  // line then, not once a row. A month by model and hour would be a million lines of that.
  const isByCurrency = tenantId === null && !groupBy.some((group) => OF_KEYS.includes(group))
  const columns = isByCurrency ? ['currency'] : tenantId === null ? ['tenant_id'] : []
  const folded: readonly ReportGroup[] = hasModels && !isOfTotals ? ['model', ...groupBy] : groupBy
  const groups = foldSql({ ...fold, columns: [...columns, ...folded.map((group) => COLUMNS[group][0])] }, rollupsOf(folded, tenantId), bind)
  const models = hasModels && isOfTotals ? foldSql({ ...fold, groupBy: [], days: null, columns: ['model'] }, BY_MODEL, bind) : null
  const keys = [...groupBy.map((group) => COLUMNS[group][1]), ...(tenantId === null ? [`${isByCurrency ? 'f' : 't'}.currency::text`] : [])]
  const joins = `${tenantId === null && !isByCurrency ? 'JOIN tenant t ON t.id = f.tenant_id' : ''} ${namesSql(fold, bind)}`
  const sums = SUMS.map((name) => `f.${name}`).join(', ')
  const parts = [
    ...(hasModels ? [`SELECT 0 AS part, ARRAY[f.model]::text[] AS keys, ${sums} FROM ${models ? 'models' : 'fine'} f`] : []),
    ...(hasGroups ? [`SELECT 1 AS part, ARRAY[${keys.join(', ')}]::text[] AS keys, ${sums} FROM fine f ${joins}`] : []),
  ]
  // Lines by model and by group are both made of `fine`, and projects of one name are one line to the operator; else each
  // line is a row of it, or of `models`, already.
  const isFiner = (hasModels && !isOfTotals) || (tenantId === null && groupBy.includes('project') && !groupBy.includes('tenant') && !groupBy.includes('api_key'))
  const sum = (name: string) => (isFiner ? `sum(l.${name}) AS ${name}` : `l.${name}`)
  const after = page.after ? `l.keys > ${bind(page.after)}::text[] COLLATE "C"` : 'true'
  // Key by key: arrays are compared in the same order, ten times as slowly.
  const order = `ORDER BY ${['part', ...(keys.length > 0 ? keys : ['model']).map((_, i) => `keys[${i + 1}] COLLATE "C"`)].join(', ')}`
  const lines = `SELECT l.part, l.keys, ${SUMS.map(sum).join(', ')} FROM (${parts.join(' UNION ALL ')}) l
    WHERE ${after} ${isFiner ? 'GROUP BY l.part, l.keys HAVING sum(l.requests) > 0' : 'AND l.requests > 0'} ${order} LIMIT ${bind(page.limit)}`
  // Only the lines of the page are written as text.
  const sql = `WITH fine AS (${groups}) ${models ? `, models AS (${models})` : ''}
    SELECT part, keys, ${SUMS.map((name) => `${name}::text AS ${name}`).join(', ')} FROM (${lines}) page ${order}`
  return { sql, values }
}

/**
 * A page that begins with tenants: theirs are folded one by one, in the order of their names from the first that is asked on, until
 * the page is full. The tenth page costs what the first does, however many tenants follow.
 */
function tenantsPage(fold: Fold, { after, limit }: { after: readonly string[] | null; limit: number }): Statement {
  const values: unknown[] = []
  const bind: Bind = (value) => `$${values.push(value)}`
  const { groupBy } = fold
  const groups = foldSql({ ...fold, columns: groupBy.map((group) => COLUMNS[group][0]) }, rollupsOf(groupBy, null), bind, 't.id')
  const keys = [...groupBy.map((group) => COLUMNS[group][1]), 't.currency']
  // The tenants come in order already, and what is sorted by that very column need be sorted within one tenant only.
  const order = [keys[0]!, ...keys.slice(1).map((key) => `${key} COLLATE "C"`)]
  const following = after ? `WHERE (${order.join(', ')}) > (${after.map((key) => bind(key)).join(', ')})` : ''
  const tenants = `SELECT id, slug COLLATE "C" AS slug, currency FROM tenant WHERE ${after ? `slug >= ${bind(after[0])} COLLATE "C"` : 'true'} ORDER BY slug COLLATE "C"`
  const sql = `SELECT 1 AS part, ARRAY[${keys.join(', ')}]::text[] AS keys, ${SUMS.map((name) => `f.${name}::text AS ${name}`).join(', ')}
    FROM (${tenants}) t CROSS JOIN LATERAL (${groups}) f ${namesSql(fold, bind)} ${following} ORDER BY ${order.join(', ')} LIMIT ${bind(limit)}`
  return { sql, values }
}

/** Joins to a fold `f` what its keys are told by: the names of its projects, the dates of its days. */
function namesSql({ tenantId, groupBy, days }: Fold, bind: Bind): string {
  const projects = groupBy.includes('project') ? `LEFT JOIN project p ON p.tenant_id = ${tenantId === null ? 'f.tenant_id' : bind(tenantId)} AND p.id = f.project_id` : ''
  return days ? `${projects} CROSS JOIN (SELECT ${bind(days.dates)}::text[] AS dates) dates` : projects
}

/** The rollups with the fewest rows that tell these groups apart. */
function rollupsOf(groups: readonly ReportGroup[], tenantId: string | null): Rollups {
  const areOf = (known: readonly ReportGroup[]) => groups.every((group) => known.includes(group))
  if (areOf(OF_TOTALS)) return tenantId === null && !groups.includes('tenant') ? GRAND_TOTALS : TOTALS
  if (areOf(OF_KEYS)) return BY_KEY
  return areOf(OF_MODELS) ? BY_MODEL : FULL
}

/** Sums by columns of the rollups; `day` is the number of a local day, `currency` its tenant's. @param tenant SQL of the id of the one that is meant, where it is no parameter */
function foldSql(fold: Fold & { readonly columns: readonly string[] }, rollups: Rollups, bind: Bind, tenant?: string): string {
  const columns = [...new Set(fold.columns)]
  const selected = columns.map((column) => {
    if (column === 'day') return `width_bucket(r.at, ${bind(fold.days!.startsAtMs.map(instant))}::timestamptz[]) AS day`
    return column === 'currency' && !rollups.names.includes('currency') ? 'c.currency' : `r.${column}`
  })
  const join = selected.includes('c.currency') ? 'JOIN tenant c ON c.id = r.tenant_id' : ''
  return `SELECT ${[...selected, ...SUMS.map((name) => `sum(r.${name}) AS ${name}`)].join(', ')} FROM (${sources(fold, rollups, bind, tenant)}) r ${join} GROUP BY ${columns.map((_, i) => i + 1).join(', ')}`
}

/** Every row that counts, each call in exactly one of them, from the coarsest table that keeps the edges. */
function sources({ tenantId, period, groupBy, days }: Fold, rollups: Rollups, bind: Bind, tenant = tenantId === null ? undefined : bind(tenantId)): string {
  const edgesMs = [period.fromMs, ...(days?.startsAtMs.filter((ms) => ms > period.fromMs && ms < period.toMs) ?? []), period.toMs]
  const reading = planReading(edgesMs, rollups.coarser === null || groupBy.includes('hour') ? 'hour' : groupBy.includes('day') ? 'day' : 'month')
  const ofTenant = tenant === undefined ? 'tenant_id IS NOT NULL' : `tenant_id = ${tenant}`
  // Rows without requests are of attempts alone, or were emptied by corrections: they add nothing to any sum here. One of all
  // tenants' hours may be a correction itself.
  const wanted = rollups === GRAND_TOTALS ? 'true' : `${ofTenant} AND requests <> 0`
  const within = (column: string, range: Range) => `${wanted} AND ${column} >= ${bind(instant(range.fromMs))}::timestamptz AND ${column} < ${bind(instant(range.toMs))}::timestamptz`
  const columns = [...rollups.names, ...SUMS].join(', ')
  const fromMonths = reading.months.map((range) => `SELECT month AS at, month AS hour, ${columns} FROM ${rollups.coarser!.months} WHERE ${within('month', range)}`)
  const fromDays = reading.days.map((range) => `SELECT day AS at, day AS hour, ${columns} FROM ${rollups.coarser!.days} WHERE ${within('day', range)}`)
  const unsplit = reading.splitHoursMs.length > 0 ? `AND hour <> ALL (${bind(reading.splitHoursMs.map(instant))}::timestamptz[])` : ''
  const fromHours = reading.hours.map((range) => `SELECT hour AS at, hour, ${columns} FROM ${rollups.hours} WHERE ${within('hour', range)} ${unsplit}`)
  const fromCalls = reading.calls.length > 0 ? [`SELECT at, hour, ${columns} FROM (${callsOf(reading.calls, ofTenant, rollups === GRAND_TOTALS, bind)}) calls`] : []
  return [...fromMonths, ...fromDays, ...fromHours, ...fromCalls].join(' UNION ALL ')
}

/** Calls of split hours, one index range each; `day` (the UTC date a call began on) chooses the partitions. */
function callsOf(ranges: readonly Range[], ofTenant: string, hasCurrency: boolean, bind: Bind): string {
  const edges = [ranges.map(({ fromMs }) => fromMs), ranges.map(({ toMs }) => toMs)].map((all) => `${bind(all.map(instant))}::timestamptz[]`)
  const [firstDay, lastDay] = [ranges[0]!.fromMs, ranges.at(-1)!.toMs].map((ms) => `${bind(instant(ms).slice(0, 10))}::date`)
  return `SELECT u.started_at AS at, date_trunc('hour', u.started_at, 'UTC') AS hour, u.tenant_id, ${hasCurrency ? 'c.currency, ' : ''}coalesce(u.project_id, '${NO_PROJECT}') AS project_id, u.key_id, u.model, u.provider, u.region, u.host,
      1 AS requests, (u.status = 'failed')::integer AS failures, u.prompt_tokens, u.completion_tokens, u.cached_tokens, u.reasoning_tokens, u.amount_pico AS cost_pico, u.duration_ms, duration_count(u.duration_ms) AS durations
    FROM unnest(${edges.join(', ')}) AS part(from_at, to_at)
    JOIN usage u ON u.${ofTenant} AND u.started_at >= part.from_at AND u.started_at < part.to_at AND u.day BETWEEN ${firstDay} AND ${lastDay} ${hasCurrency ? 'JOIN tenant c ON c.id = u.tenant_id' : ''}`
}

function instant(ms: number): string {
  return new Date(ms).toISOString()
}
