import { Database } from '@tollgate/platform/postgres'
import { ClaimsFixture, TODAY } from '../usage/claims-fixture'
import type { ExportRow } from './domain/provider-export'
import { ReconciliationService } from './reconciliation.service'
import { ReconciliationStore } from './reconciliation.store'

const FROM = Date.parse(`${TODAY}T00:00:00Z`)

let world: ClaimsFixture
let admin: Database
let service: ReconciliationService
beforeAll(async () => {
  world = await ClaimsFixture.start()
  admin = await Database.connect({ url: world.database.adminUrl, role: 'tg_admin', entities: [], poolSize: 2 })
  service = new ReconciliationService(new ReconciliationStore(admin))
})
afterAll(async () => {
  await admin.close()
  await world.stop()
})

const attempt = (n: number, provider: string, host: string, outcome = 'completed') => ({ attempt: n, host, provider, region: 'us-east', model: 'phi3', outcome, duration_ms: 5, cost_pico: '9' })
const rowOf = (requestId: string, tokens: [number, number], over: Partial<ExportRow> = {}): ExportRow => ({ line: 1, requestId, model: null, promptTokens: tokens[0], completionTokens: tokens[1], costPico: null, atMs: FROM + 1_000, ...over })
const compare = async (provider: string, host: string | null, rows: ExportRow[]) => {
  const { expected, equal, outside, differences } = await service.reconcile({ provider, host, fromMs: FROM, toMs: FROM + 86_400_000 }, rows.map((row, i) => ({ ...row, line: i + 1 })))
  return { expected, equal, outside, differences: differences.map(({ kind, requestId, here }) => [kind, requestId, here?.attempt ?? null]) }
}
/** Each spec has a provider of its own, so that none sees another's calls. */
let count = 0
const provider = () => `p${++count}`

it('a call that fell back is expected where it was served, and may or may not be seen where it failed', async () => {
  const [first, second] = [provider(), provider()]
  const tenant = await world.tenant()
  const claim = world.claim(tenant, { provider: second, host: 'b', attempts: 2, provider_attempts: [attempt(1, first, 'a', 'refused: http 503'), attempt(2, second, 'b')] })
  await world.store.commitBatch([claim])
  expect(await compare(second, null, [rowOf(claim.rid, [10, 20])])).toEqual({ expected: 1, equal: 1, outside: 0, differences: [] })
  expect(await compare(first, null, [])).toEqual({ expected: 0, equal: 0, outside: 0, differences: [] })
  expect(await compare(first, null, [rowOf(claim.rid, [0, 0])])).toEqual({ expected: 0, equal: 1, outside: 0, differences: [] })
  expect(await compare(first, null, [rowOf(claim.rid, [10, 20])])).toEqual({ expected: 0, equal: 0, outside: 0, differences: [['different', claim.rid, 1]] })
})

it('of one host leaves the calls of the others alone', async () => {
  const own = provider()
  const tenant = await world.tenant()
  const on = (host: string) => world.claim(tenant, { provider: own, host, provider_attempts: [attempt(1, own, host)] })
  const [one, other] = [on('a'), on('b')]
  await world.store.commitBatch([one, other])
  expect(await compare(own, 'a', [rowOf(one.rid, [10, 20])])).toEqual({ expected: 1, equal: 1, outside: 0, differences: [] })
  expect(await compare(own, 'a', [rowOf(one.rid, [10, 20]), rowOf(other.rid, [10, 20])])).toMatchObject({ equal: 1, differences: [['missing_here', other.rid, null]] })
  expect(await compare(own, null, [])).toMatchObject({ expected: 2, differences: [['missing_there', one.rid, 1], ['missing_there', other.rid, 1]] })
})

it("a call of ours at another provider is missing here, by whichever day it is looked up", async () => {
  const [own, foreign] = [provider(), provider()]
  const claim = world.claim(await world.tenant(), { provider: foreign, day: '2025-10-09', started_at: '2025-10-09T08:53:20Z', provider_attempts: [attempt(1, foreign, 'a')] })
  await world.store.commitBatch([claim])
  expect(await compare(own, null, [rowOf(claim.rid, [10, 20])])).toMatchObject({ expected: 0, differences: [['missing_here', claim.rid, null]] })
  expect(await compare(foreign, null, [rowOf(claim.rid, [10, 20])])).toMatchObject({ expected: 1, equal: 1, differences: [] })
  expect(await compare(foreign, null, [rowOf(claim.rid, [10, 20], { atMs: claim.rid.length })])).toEqual({ expected: 0, equal: 0, outside: 1, differences: [] })
})

it('a call that died with its gateway is expected where it was going; once corrected, with its final count', async () => {
  const [failed, going] = [provider(), provider()]
  const tenant = await world.tenant()
  const swept = world.claim(tenant, { rank: 0, status: 'swept', usage_source: 'estimated', provider: going, host: 'b', prompt_tokens: 3, completion_tokens: 4, cached_tokens: 0, reasoning_tokens: 0, attempts: 1, provider_attempts: [attempt(1, failed, 'a', 'ambiguous: connect')] })
  await world.store.commitBatch([swept])
  expect(await compare(going, null, [])).toMatchObject({ expected: 1, differences: [['missing_there', swept.rid, 2]] })
  expect(await compare(going, null, [rowOf(swept.rid, [3, 4])])).toMatchObject({ expected: 1, equal: 1, differences: [] })
  expect(await compare(failed, null, [])).toMatchObject({ expected: 0, differences: [] })
  await world.store.commitBatch([{ ...swept, rank: 1, status: 'completed', usage_source: 'provider', prompt_tokens: 10, completion_tokens: 20, attempts: 2, provider_attempts: [attempt(1, failed, 'a', 'ambiguous: connect'), attempt(2, going, 'b')] }])
  expect(await compare(going, null, [rowOf(swept.rid, [3, 4])])).toMatchObject({ expected: 1, equal: 0, differences: [['different', swept.rid, 2]] })
  expect(await compare(going, null, [rowOf(swept.rid, [10, 20])])).toMatchObject({ expected: 1, equal: 1, differences: [] })
})

it('goes through more calls than are read at once, and misses none', async () => {
  const own = provider()
  const tenant = await world.tenant()
  const claims = Array.from({ length: 4_500 }, () => world.claim(tenant, { provider: own, provider_attempts: [attempt(1, own, 'a')] }))
  for (let from = 0; from < claims.length; from += 500) await world.store.commitBatch(claims.slice(from, from + 500))
  const all = claims.map(({ rid }) => rowOf(rid, [10, 20]))
  expect(await compare(own, null, all)).toEqual({ expected: 4_500, equal: 4_500, outside: 0, differences: [] })
  expect(await compare(own, null, [...all.slice(0, 4_321), ...all.slice(4_322)])).toMatchObject({ equal: 4_499, differences: [['missing_there', claims[4_321]!.rid, 1]] })
})
