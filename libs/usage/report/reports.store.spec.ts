import { decimalFromPico, picoFromDecimal, RefusalError } from '../../kernel'
import { periodAt } from '../../limits/domain/period'
import { Database } from '../../platform/postgres'
import { FakeClock } from '../../../test/support'
import { ClaimsFixture } from '../claims-fixture'
import { TotalsStore } from '../totals.store'
import { GROUPS, PLATFORM_GROUPS, type ReportGroup, type ReportQuery } from '../domain/cost-report'
import type { UsageClaim } from '../domain/claim'
import type { GroupLine } from '../domain/report-line'
import { CostReportService } from './cost-report.service'
import { ReportStore } from './report.store'

// Hundreds of reports, beside other files on the same cores.
jest.setTimeout(120_000)

const HOUR_MS = 3_600_000
/** After the last call: an end that is still to come takes in all that follows. */
const NOW_MS = Date.UTC(2026, 10, 6, 10, 17)
const ZONES = ['UTC', 'Europe/Berlin', 'Europe/London', 'Asia/Kolkata', 'Asia/Kathmandu', 'America/St_Johns', 'Australia/Lord_Howe', 'America/New_York', 'Pacific/Chatham', 'Africa/Cairo']
/** Around changes of the clocks: 23- and 25-hour days, half an hour, midnights that do not exist. */
const SEASONS = ['2026-03-28', '2026-04-04', '2026-04-24', '2026-10-04', '2026-10-24', '2026-11-01'].map((day) => Date.parse(day))

/** A small repeatable source of numbers, so that a failure can be looked at again. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

let world: ClaimsFixture
let admin: Database
let reports: CostReportService
let operator: CostReportService
let tenant: { id: string; currency: string }
let other: { id: string; currency: string }
let projectId: string
const calls = new Map<string, UsageClaim[]>()

beforeAll(async () => {
  world = await ClaimsFixture.start()
  admin = await Database.connect({ url: world.database.adminUrl, role: 'tg_admin', entities: [], poolSize: 2 })
  const clock = new FakeClock(NOW_MS)
  reports = new CostReportService(new ReportStore(world.gateway), clock)
  operator = new CostReportService(new ReportStore(admin), clock)
  tenant = { id: await world.tenant(), currency: 'USD' }
  other = { id: await world.tenant(), currency: 'EUR' }
  await world.owner.query(`UPDATE tenant SET slug = 'acme' WHERE id = $1`, [tenant.id])
  await world.owner.query(`UPDATE tenant SET slug = 'globex', currency = 'EUR' WHERE id = $1`, [other.id])
  projectId = world.uuid()
  await world.owner.query(`INSERT INTO project (tenant_id, id, slug, name) VALUES ($1, $2, 'web', 'Web')`, [tenant.id, projectId])
  await arrange(tenant.id, 600, 1)
  await arrange(other.id, 150, 2)
})
afterAll(async () => {
  await admin.close()
  await world.stop()
})

/** Calls on and beside every edge that a zone could draw, a third of them estimated first. */
async function arrange(tenantId: string, count: number, seed: number): Promise<void> {
  const below = numbers(seed)
  const one = <T>(all: readonly T[]): T => all[below(all.length)]!
  const keys = [world.uuid(), world.uuid()]
  const finals = Array.from({ length: count }, () => {
    const season = one(SEASONS)
    const day = periodAt(season + below(72) * HOUR_MS, one(ZONES), 'day')
    const startedAt = new Date(below(3) ? one([day.startsAtMs, day.endsAtMs]) + one([-1, 0, 1, -HOUR_MS, 899_999]) : season + below(72 * HOUR_MS)).toISOString()
    const completion_tokens = below(500)
    return world.claim(tenantId, {
      day: startedAt.slice(0, 10), started_at: startedAt, model: one(['phi3', 'llama3.2', 'Äpfel, "x"']), host: one(['a', 'b']), region: one(['us-east', 'eu-west']), provider: one(['ollama', 'openai']),
      key_id: one(keys), project_id: tenantId === tenant.id ? one([null, projectId, keys[0]]) : null, status: one(['completed', 'completed', 'failed', 'aborted']), amount_pico: String(below(10 ** 9) * 10 ** below(8)), prompt_tokens: 5 + below(1_000), completion_tokens, reasoning_tokens: Math.min(completion_tokens, 2), duration_ms: below(40_000),
    })
  })
  const estimates = finals.filter((_, i) => i % 3 === 0).map((claim): UsageClaim => ({ ...claim, rank: 0, status: 'swept', host: '', region: '', provider: '', amount_pico: '77', prompt_tokens: 1, completion_tokens: 0, cached_tokens: 0, reasoning_tokens: 0, provider_attempts: [] }))
  const left = world.claim(tenantId, { ...finals[1], rid: world.uuid(), rank: 0, status: 'swept' })
  await world.store.commitBatch([...estimates, left])
  for (const claim of finals.slice(0, 60)) await world.store.commitBatch([claim])
  await world.store.commitBatch(finals)
  calls.set(tenantId, [...finals, left])
}

const calendarOf = (zone: string): ReportQuery['calendar'] => (ms, length) => periodAt(ms, zone, length)

/** What one group of a call is called, worked out from the call alone. */
function keyOf(group: ReportGroup, call: UsageClaim, zone: string): string {
  const at = Date.parse(call.started_at)
  if (group === 'tenant') return call.tenant_id === tenant.id ? 'acme' : 'globex'
  if (group === 'project') return call.project_id === projectId ? 'web' : (call.project_id ?? '')
  if (group === 'api_key') return call.key_id
  if (group === 'day') return new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short' }).format(at)
  if (group === 'hour') return `${call.started_at.slice(0, 13)}:00:00Z`
  return call[group]
}

/** The lines that calls add up to, in order. `currency` is a last key over all tenants. */
function truth(all: readonly UsageClaim[], { fromMs, toMs, groupBy }: Pick<ReportQuery, 'fromMs' | 'toMs' | 'groupBy'>, zone: string, isPlatform = false): Partial<GroupLine>[] {
  const lines = new Map<string, { keys: string[]; calls: UsageClaim[] }>()
  for (const call of all) {
    const at = Date.parse(call.started_at)
    if (at < fromMs || at >= toMs) continue
    const keys = [...groupBy.map((group) => keyOf(group, call, zone)), ...(isPlatform ? [call.tenant_id === tenant.id ? 'USD' : 'EUR'] : [])]
    const line = lines.get(JSON.stringify(keys)) ?? { keys, calls: [] }
    lines.set(JSON.stringify(keys), line)
    line.calls.push(call)
  }
  const names = [...groupBy, ...(isPlatform ? ['currency'] : [])]
  const order = (a: string[], b: string[]) => a.reduce((found, key, i) => found || Buffer.compare(Buffer.from(key), Buffer.from(b[i]!)), 0)
  return [...lines.values()]
    .sort((a, b) => order(a.keys, b.keys))
    .map(({ keys, calls: own }) => {
      const sum = (pick: (call: UsageClaim) => number) => own.reduce((total, call) => total + pick(call), 0)
      return {
        ...Object.fromEntries(names.map((name, i) => [name, keys[i]!])),
        total_requests: own.length, prompt_tokens: sum((call) => call.prompt_tokens), completion_tokens: sum((call) => call.completion_tokens), reasoning_tokens: sum((call) => call.reasoning_tokens),
        avg_duration: Math.round(sum((call) => call.duration_ms) / own.length) / 1000, error_rate: Math.round((sum((call) => Number(call.status === 'failed')) / own.length) * 10_000) / 10_000,
        cost: decimalFromPico(own.reduce((total, call) => total + BigInt(call.amount_pico), 0n)),
      }
    })
}

const matching = (lines: Partial<GroupLine>[]) => lines.map((line) => expect.objectContaining(line))

describe("a tenant's report", () => {
  it('is what its calls add up to, by any groups, in any zone, between any two instants', async () => {
    const below = numbers(7)
    for (let round = 0; round < 120; round++) {
      const zone = ZONES[round % ZONES.length]!
      const groupBy = GROUPS.filter(() => below(3) === 0).sort(() => below(3) - 1)
      const season = SEASONS[below(SEASONS.length)]!
      const edge = () => [season + below(80 * HOUR_MS), season + below(80) * HOUR_MS, periodAt(season + below(80 * HOUR_MS), zone, 'day').startsAtMs][below(3)]!
      const [fromMs, toMs] = [edge(), edge()].sort((a, b) => a - b) as [number, number]
      if (fromMs === toMs) continue
      const query = { fromMs: round % 4 ? fromMs : Date.UTC(2026, 1, 1), toMs: round % 4 ? toMs : Date.UTC(2026, 11, 31), groupBy, calendar: calendarOf(zone) }
      const report = await reports.report(tenant.id, 'USD', query)
      const own = calls.get(tenant.id)!
      expect([zone, groupBy, report.groups ?? []]).toEqual([zone, groupBy, groupBy.length > 0 ? matching(truth(own, query, zone)) : []])
      expect(Object.entries(report.model_usage).map(([model, line]) => ({ model, ...line }))).toEqual(matching(truth(own, { ...query, groupBy: ['model'] }, zone)))
      const [total] = truth(own, { ...query, groupBy: [] }, zone)
      expect(report.total).toEqual(total ? expect.objectContaining(total) : expect.objectContaining({ total_requests: 0, cost: '0' }))
    }
  })

  it('as a table has the lines of its groups, and of its models where there are none', async () => {
    const query = { fromMs: Date.UTC(2026, 0, 1), toMs: Date.UTC(2027, 0, 1), calendar: calendarOf('UTC') }
    const inCurrency = (lines: readonly object[]) => lines.map((line) => ({ ...line, currency: 'USD' }))
    const [byDay, whole] = [await reports.report(tenant.id, 'USD', { ...query, groupBy: ['model', 'day'] }), await reports.report(tenant.id, 'USD', { ...query, groupBy: [] })]
    expect(byDay.groups!.length).toBeGreaterThan(10)
    expect(await reports.table(tenant.id, 'USD', { ...query, groupBy: ['model', 'day'] })).toEqual(inCurrency(byDay.groups!))
    expect(await reports.table(tenant.id, 'USD', { ...query, groupBy: [] })).toEqual(inCurrency(Object.entries(whole.model_usage).map(([model, line]) => ({ model, ...line }))))
  })

  it('of days adds up to the report of the whole, and of the ledger', async () => {
    const { rows } = await world.owner.query('SELECT sum(delta_pico)::text AS pico FROM ledger WHERE tenant_id = $1', [tenant.id])
    for (const zone of ZONES) {
      const { groups, total } = await reports.report(tenant.id, 'USD', { fromMs: Date.UTC(2026, 0, 1), toMs: Date.UTC(2026, 11, 31, 23, 15), groupBy: ['day'], calendar: calendarOf(zone) })
      expect(groups!.reduce((sum, line) => sum + picoFromDecimal(line.cost as string)!, 0n).toString()).toBe(rows[0].pico)
      expect(picoFromDecimal(total.cost)!.toString()).toBe(rows[0].pico)
    }
  })

  it('has the same quantiles whether days, hours or calls were read', async () => {
    const whole = { fromMs: Date.UTC(2026, 2, 1), toMs: Date.UTC(2026, 11, 1), groupBy: [] }
    const { total } = await reports.report(tenant.id, 'USD', { ...whole, calendar: calendarOf('UTC') })
    const first = Math.min(...calls.get(tenant.id)!.map((call) => Date.parse(call.started_at)))
    const split = await reports.report(tenant.id, 'USD', { ...whole, fromMs: first, calendar: calendarOf('UTC') })
    expect(split.total).toEqual(total)
    expect(total.p95_duration).toBeGreaterThan(total.p50_duration!)
  })

  it("leaves no line behind where an estimate was corrected, and knows nothing of another tenant's calls", async () => {
    const query = { fromMs: Date.UTC(2026, 0, 1), toMs: Date.UTC(2026, 11, 31), groupBy: ['host'] as const, calendar: calendarOf('UTC') }
    const { groups, total } = await reports.report(tenant.id, 'USD', query)
    expect(groups!.map((line) => line.host)).toEqual(['a', 'b'])
    expect(total.total_requests).toBe(601)
    expect((await reports.report(other.id, 'EUR', query)).total.total_requests).toBe(151)
    expect((await reports.report(world.uuid(), 'USD', query)).total.total_requests).toBe(0)
  })

  it('shows the models of the last seven days with their requests, failures and durations', async () => {
    const recent = truth(calls.get(tenant.id)!, { fromMs: NOW_MS - 7 * 24 * HOUR_MS + 43 * 60_000, toMs: NOW_MS + 43 * 60_000, groupBy: ['model'] }, 'UTC')
    const stats = await reports.modelStats(tenant.id)
    expect([...stats].map(([model, { requests }]) => ({ model, total_requests: requests }))).toEqual(recent.map(({ model, total_requests }) => ({ model, total_requests })))
    expect(recent.length).toBeGreaterThan(1)
  })
})

describe('pages', () => {
  const query = { fromMs: Date.UTC(2026, 0, 1), toMs: Date.UTC(2026, 11, 31), groupBy: ['day', 'model', 'project', 'hour'] as const, calendar: calendarOf('Asia/Kathmandu') }

  it.each([1, 7, 1_000])('of %i hold every line once and in order', async (limit) => {
    const wanted = truth(calls.get(tenant.id)!, query, 'Asia/Kathmandu')
    const [lines, seen]: [GroupLine[], string[]] = [[], []]
    let after: string | undefined
    do {
      const page = await reports.page(tenant, query, { after, limit })
      expect([page.has_more, page.data.length]).toEqual([page.next !== null, page.has_more ? limit : page.data.length])
      lines.push(...page.data)
      after = page.next ?? undefined
      if (after) seen.push(after)
    } while (after && lines.length < 40)
    expect(lines).toEqual(matching((after ? wanted.slice(0, lines.length) : wanted).map((line) => ({ ...line, currency: 'USD' }))))
    expect(new Set(seen).size).toBe(seen.length)
  })

  it('go on where they stopped when lines appear before and behind', async () => {
    const grouped = { ...query, groupBy: ['model'] as const }
    const first = await reports.page(tenant, grouped, { limit: 1 })
    const at = { day: '2026-06-01', started_at: '2026-06-01T10:00:00Z' }
    const added = [world.claim(tenant.id, { ...at, model: 'aaa' }), world.claim(tenant.id, { ...at, model: 'zzz' })]
    await world.store.commitBatch(added)
    const rest = await reports.page(tenant, grouped, { after: first.next!, limit: 10 })
    expect([...first.data, ...rest.data].map(({ model }) => model)).toEqual(['llama3.2', 'phi3', 'zzz', 'Äpfel, "x"'])
    calls.get(tenant.id)!.push(...added)
  })

  it.each(['x', '', Buffer.from('[["model"],["a"]]').toString('base64url')])('after %j, which no page gave, are refused', async (after) => {
    await expect(reports.page(tenant, query, { after, limit: 1 })).rejects.toThrow(/after must be what next gave/)
  })
})

describe("the operator's report", () => {
  it('over all tenants is what all calls add up to, a line for each currency', async () => {
    const below = numbers(11)
    const all = [...calls.values()].flat()
    for (let round = 0; round < 18; round++) {
      const groupBy = PLATFORM_GROUPS.filter((group) => below(3) === 0 || (group === 'tenant' && round % 2))
      const [fromMs, toMs] = round % 3 ? [Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1)] : [SEASONS[below(3)]! + 5 * HOUR_MS, SEASONS[3 + below(3)]! + 50 * HOUR_MS]
      const query = { fromMs, toMs, groupBy, calendar: calendarOf('UTC') }
      const report = await operator.platformReport(query)
      expect([groupBy, report.groups ?? []]).toEqual([groupBy, groupBy.length > 0 ? matching(truth(all, query, 'UTC', true)) : []])
      expect(report.totals).toEqual(matching(truth(all, { ...query, groupBy: [] }, 'UTC', true)))
      if (groupBy.length === 0) continue
      const page = await operator.page(null, query, { limit: 3 })
      const next = page.next ? await operator.page(null, query, { limit: 1_000, after: page.next }) : { data: [] }
      expect([...page.data, ...next.data]).toEqual(report.groups!)
    }
  })

  it.each([false, true])('by hour, by day and of everything is exact with corrections in it and hours that are cut, merged: %s', async (isMerged) => {
    if (isMerged) await new TotalsStore(world.worker).merge()
    const all = [...calls.values()].flat()
    for (const groupBy of [[], ['hour'], ['day'], ['day', 'hour']] as const)
      for (const zone of ['UTC', 'Asia/Kolkata'])
        for (const minutes of [0, 30, 47]) {
          const query = { fromMs: SEASONS[0]! + minutes * 60_000, toMs: SEASONS[5]! + 50 * HOUR_MS + minutes * 60_000, groupBy, calendar: calendarOf(zone) }
          const report = await operator.platformReport(query)
          expect([groupBy, zone, report.groups ?? [], report.totals]).toEqual([groupBy, zone, groupBy.length > 0 ? matching(truth(all, query, zone, true)) : [], matching(truth(all, { ...query, groupBy: [] }, zone, true))])
        }
    expect(await world.wrongRollups(tenant.id)).toEqual([])
  })

  it("of one tenant is that tenant's own", async () => {
    const query = { fromMs: Date.UTC(2026, 0, 1), toMs: Date.UTC(2026, 11, 31, 0, 10), groupBy: ['day', 'project', 'host'] as const, calendar: calendarOf('Asia/Kolkata') }
    expect(await operator.report(tenant.id, 'USD', query)).toEqual(await reports.report(tenant.id, 'USD', query))
  })
})

describe('a report of more lines than a body should hold', () => {
  it('is refused with what to do, never cut', async () => {
    await world.owner.query(`INSERT INTO usage_hourly SELECT $1, date_trunc('hour', now()) - n * interval '1 hour', $1, $1, 'm' || n % 5, 'p', 'r', 'h', 1, 0, 1, 1, 0, 0, 1, 1, 1 FROM generate_series(1, 10001) n`, [other.id])
    const query = { fromMs: Date.now() - 450 * 24 * HOUR_MS, toMs: Date.now(), groupBy: ['hour', 'model'] as const, calendar: calendarOf('UTC') }
    const refused = await reports.report(other.id, 'EUR', query).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(RefusalError)
    expect((refused as RefusalError).refusal).toMatchObject({ status: 400, message: expect.stringContaining('limit and after') })
    expect((await reports.page(other, query, { limit: 1_000 })).has_more).toBe(true)
  })
})
