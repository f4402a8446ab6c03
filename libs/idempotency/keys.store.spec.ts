import { randomUUID } from 'node:crypto'
import { processLogger } from '@tollgate/platform/logging'
import { Database } from '@tollgate/platform/postgres'
import { SecretBox } from '@tollgate/platform/secrets'
import { Client } from 'pg'
import { createDatabase, eventually, within, type FaultProxy, type TestDatabase } from '../../test/support'
import { behind, proxyOfPostgres } from '../../test/e2e/evidence'
import { CallKeysService, type BegunCall } from './call-keys.service'
import type { BookedCall, CallOutcome } from './domain/call-outcome'
import { fingerprint, keyHashOf } from './domain/key'
import { ExpiredKeyStore } from './expired-key.store'
import { KeyStore, type KeyLife, type KeyPlace } from './key.store'
import { KeysService } from './keys.service'
import { MutationKeysService } from './mutation-keys.service'

const LEASE_MS = 15_000
const CALLS = { name: 'idempotent_call', holder: 'tenant_id' } as const
const OUTCOME: CallOutcome = { status: 'completed', finishReason: 'stop', promptTokens: 3, completionTokens: 4, costPico: '11', currency: 'USD' }
const logger = processLogger('silent')

let database: TestDatabase
let owner: Client
let gateways: Database[]
let tenant: string
let other: string
beforeAll(async () => {
  database = await createDatabase()
  owner = new Client({ connectionString: database.ownerUrl })
  await owner.connect()
  gateways = await Promise.all([0, 1, 2].map(() => Database.connect({ url: database.appUrl, role: 'tg_app', entities: [], poolSize: 4 })))
  tenant = await addTenant()
  other = await addTenant()
})
afterAll(async () => {
  await Promise.all(gateways.map((gateway) => gateway.close()))
  await owner.end()
  await database.drop()
})

async function addTenant(): Promise<string> {
  const id = randomUUID()
  await owner.query(`INSERT INTO tenant (id, slug, name, tier, home_region, allowed_regions, bucket) VALUES ($1, $2, 'x', 'standard', 'us-east', '{us-east}', 0)`, [id, `t-${id}`])
  return id
}

/** A gateway's keys; each has its own, as processes do. */
const keysOf = (gateway: Database) => new KeysService(new KeyStore(gateway, CALLS), LEASE_MS, logger)
const secrets = new SecretBox('a secret of tests, at least thirty-two characters')
const callsOf = (gateway: Database) => new CallKeysService(keysOf(gateway), secrets)
const placeOf = (key: string, holder = tenant, route = 'POST /chat'): KeyPlace => ({ holder, route, keyHash: keyHashOf(key.replaceAll(' ', '-')) as Buffer })
const requestOf = (place: KeyPlace, body: unknown = 'body') => ({ place, bodyHash: fingerprint(body), requestId: randomUUID() })
const noBooks = async () => null
const unread = () => Promise.reject(new Error('the books are not to be read'))
const lifeOf = (begun: BegunCall): KeyLife => {
  if (begun.kind !== 'run') throw new Error(`refused: ${begun.refusal.code}`)
  return begun.life
}
/** As if time had gone by for one key: its lease, or its 24 hours. */
const pass = (place: KeyPlace, column: 'leased_until' | 'expires_at', interval: string) =>
  owner.query(`UPDATE idempotent_call SET ${column} = ${column} - $4::interval WHERE tenant_id = $1 AND route = $2 AND key_hash = $3`, [place.holder, place.route, place.keyHash, interval])
const leaseRunsOut = (place: KeyPlace) => pass(place, 'leased_until', '16 seconds')

describe('a key of a call', () => {
  it('lets one of many twins on three gateways run; the others are told to wait', async () => {
    const calls = gateways.map(callsOf)
    const begun = await Promise.all(Array.from({ length: 60 }, (_, i) => calls[i % 3]!.begin(requestOf(placeOf('twins')), unread)))
    expect(begun.filter(({ kind }) => kind === 'run')).toHaveLength(1)
    for (const one of begun) if (one.kind === 'refused') expect(one.refusal).toMatchObject({ status: 409, code: 'idempotency_in_progress', retryAfterSeconds: 2 })
  })

  it('is one for each tenant and each route', async () => {
    const calls = callsOf(gateways[0]!)
    const places = [placeOf('scope'), placeOf('scope', other), placeOf('scope', tenant, 'POST /v1/chat/completions')]
    for (const place of places) expect((await calls.begin(requestOf(place), unread)).kind).toBe('run')
  })

  it('used with another body is 422, while its call runs and when it is over', async () => {
    const calls = callsOf(gateways[0]!)
    const place = placeOf('reused')
    const life = lifeOf(await calls.begin(requestOf(place), unread))
    expect(await calls.begin(requestOf(place, 'other'), unread)).toMatchObject({ refusal: { status: 422, code: 'idempotency_key_reused' } })
    await calls.complete(life, OUTCOME)
    expect(await calls.begin(requestOf(place, 'other'), unread)).toMatchObject({ refusal: { status: 422 } })
  })

  it('of a completed call answers with its request id, usage and cost, on every gateway', async () => {
    const place = placeOf('completed')
    const life = lifeOf(await callsOf(gateways[0]!).begin(requestOf(place), unread))
    await callsOf(gateways[0]!).complete(life, OUTCOME)
    expect(await callsOf(gateways[1]!).begin(requestOf(place), unread)).toMatchObject({ refusal: { status: 409, code: 'already_completed', details: { original: { request_id: life.rid, status: 'completed', cost: '0.000000000011' } } } })
  })

  it('is free again after a refusal, and only its owner can free it', async () => {
    const calls = callsOf(gateways[0]!)
    const place = placeOf('freed')
    const life = lifeOf(await calls.begin(requestOf(place), unread))
    await calls.free({ ...life, rid: randomUUID(), owner: randomUUID() })
    expect((await calls.begin(requestOf(place), unread)).kind).toBe('refused')
    await calls.free(life)
    expect(lifeOf(await calls.begin(requestOf(place, 'corrected'), unread)).rid).not.toBe(life.rid)
  })

  it('stays taken while its gateway gives signs of life', async () => {
    const keys = keysOf(gateways[0]!)
    const place = placeOf('long')
    lifeOf(await new CallKeysService(keys, secrets).begin(requestOf(place), unread))
    await leaseRunsOut(place)
    await keys.tend()
    expect(await callsOf(gateways[1]!).begin(requestOf(place), unread)).toMatchObject({ refusal: { code: 'idempotency_in_progress' } })
  })

  it('cannot be taken over while it is leased, by whoever saw it without a lease a moment ago', async () => {
    const place = placeOf('back in time')
    const keys = keysOf(gateways[0]!)
    const life = lifeOf(await new CallKeysService(keys, secrets).begin(requestOf(place), unread))
    await leaseRunsOut(place)
    const store = new KeyStore(gateways[1]!, CALLS)
    const seen = await store.claim({ ...life, owner: randomUUID() }, fingerprint('body'), LEASE_MS)
    expect(seen).toMatchObject({ isLeased: false, owner: life.owner })
    await keys.tend()
    const heir = { ...life, owner: randomUUID() }
    expect(await store.takeOver(heir, seen!, fingerprint('body'), LEASE_MS)).toBe(false)
    await leaseRunsOut(place)
    expect(await store.takeOver(heir, seen!, fingerprint('body'), LEASE_MS)).toBe(true)
  })

  it('is free after 24 hours, with any body, but not while its call runs', async () => {
    const calls = callsOf(gateways[0]!)
    const place = placeOf('old')
    const life = lifeOf(await calls.begin(requestOf(place), unread))
    await pass(place, 'expires_at', '24 hours 1 second')
    expect(await calls.begin(requestOf(place), unread)).toMatchObject({ refusal: { code: 'idempotency_in_progress' } })
    await calls.complete(life, OUTCOME)
    const next = lifeOf(await calls.begin(requestOf(place, 'other'), unread))
    expect(next.rid).not.toBe(life.rid)
    const { rows } = await owner.query(`SELECT expires_at > now() + interval '23 hours' AS is_renewed, outcome FROM idempotent_call WHERE key_hash = $1`, [place.keyHash])
    expect(rows).toEqual([{ is_renewed: true, outcome: null }])
  })

  it('is not free a second before its 24 hours are over', async () => {
    const calls = callsOf(gateways[0]!)
    const place = placeOf('nearly old')
    await calls.complete(lifeOf(await calls.begin(requestOf(place), unread)), OUTCOME)
    await pass(place, 'expires_at', '23 hours 59 minutes')
    expect(await calls.begin(requestOf(place), unread)).toMatchObject({ refusal: { code: 'already_completed' } })
  })
})

describe('a key whose gateway is gone', () => {
  const abandoned = async (key: string): Promise<{ place: KeyPlace; life: KeyLife }> => {
    const place = placeOf(key)
    const life = lifeOf(await callsOf(gateways[0]!).begin(requestOf(place), unread))
    await leaseRunsOut(place)
    return { place, life }
  }
  const booked = (over: Partial<BookedCall>): BookedCall => ({ ...OUTCOME, isFinal: true, ...over })

  it('goes on under the same request id and within the same 24 hours when nothing is booked, for one of many', async () => {
    const { place, life } = await abandoned('no trace')
    await pass(place, 'expires_at', '1 hour')
    const begun = await Promise.all(Array.from({ length: 30 }, (_, i) => callsOf(gateways[i % 3]!).begin(requestOf(place), noBooks)))
    const runs = begun.filter(({ kind }) => kind === 'run')
    expect(runs.map((one) => lifeOf(one).rid)).toEqual([life.rid])
    const { rows } = await owner.query(`SELECT expires_at < now() + interval '23 hours 30 minutes' AS is_kept FROM idempotent_call WHERE rid = $1`, [life.rid])
    expect(rows).toEqual([{ is_kept: true }])
  })

  it('that goes on and is refused is abandoned again, never forgotten: what went before may still be booked', async () => {
    const { place, life } = await abandoned('refused later')
    const calls = callsOf(gateways[1]!)
    await calls.free(lifeOf(await calls.begin(requestOf(place), noBooks)))
    expect(lifeOf(await calls.begin(requestOf(place), noBooks)).rid).toBe(life.rid)
  })

  it('cannot be freed by the one who woke up late', async () => {
    const { place, life } = await abandoned('woke up')
    const next = lifeOf(await callsOf(gateways[1]!).begin(requestOf(place), noBooks))
    await callsOf(gateways[0]!).free(life)
    await callsOf(gateways[0]!).leave(life)
    expect(next.owner).not.toBe(life.owner)
    expect(await callsOf(gateways[2]!).begin(requestOf(place), unread)).toMatchObject({ refusal: { code: 'idempotency_in_progress' } })
  })

  it('is over when something was billed, or may be', async () => {
    for (const [key, over] of [['billed', { status: 'aborted', costPico: '5' }], ['swept', { status: 'swept', isFinal: false, costPico: '0' }]] as const) {
      const { place, life } = await abandoned(key)
      expect(await callsOf(gateways[1]!).begin(requestOf(place), async () => booked(over))).toMatchObject({ refusal: { code: 'already_completed', details: { original: { request_id: life.rid, status: 'aborted' } } } })
    }
  })

  it('starts anew, under a new request id, when the last was booked at nothing for good', async () => {
    const { place, life } = await abandoned('failed')
    const next = lifeOf(await callsOf(gateways[1]!).begin(requestOf(place), async () => booked({ status: 'failed', costPico: '0' })))
    expect(next.rid).not.toBe(life.rid)
    expect(next.rid).toBe(next.owner)
  })

  it('is not decided without the books: 503', async () => {
    const { place } = await abandoned('no books')
    expect(await callsOf(gateways[1]!).begin(requestOf(place), unread)).toMatchObject({ refusal: { status: 503, code: 'idempotency_unavailable' } })
  })
})

describe('a store of keys that is away', () => {
  let proxy: FaultProxy
  let gateway: Database
  beforeAll(async () => {
    proxy = await proxyOfPostgres()
    gateway = await Database.connect({ url: behind(proxy, database.appUrl), role: 'tg_app', entities: [], poolSize: 2 })
  })
  afterAll(async () => {
    await heal()
    await gateway.close()
    await proxy.stop()
  })
  const heal = async () => {
    await proxy.set({ is: 'none' })
    proxy.cut()
  }

  it.each([{ is: 'refuse' }, { is: 'black-hole' }] as const)('$is: runs nothing, 503 within four seconds; an end is written once it is back', async (fault) => {
    const keys = keysOf(gateway)
    const calls = new CallKeysService(keys, secrets)
    const place = placeOf(`away ${fault.is}`)
    const life = lifeOf(await calls.begin(requestOf(place), unread))
    await proxy.set(fault)
    const both = async () => {
      expect(await within(4_000, calls.begin(requestOf(placeOf(`unseen ${fault.is}`)), unread))).toMatchObject({ refusal: { status: 503, code: 'idempotency_unavailable', retryAfterSeconds: 2 } })
      await calls.complete(life, OUTCOME)
    }
    await within(6_000, both())
    await heal()
    await keys.tend()
    expect(await callsOf(gateways[0]!).begin(requestOf(place), unread)).toMatchObject({ refusal: { code: 'already_completed' } })
  }, 120_000)
})

describe('a store of keys that is slow', () => {
  it('a key that is taken after its caller was sent away is let go', async () => {
    const proxy = await proxyOfPostgres()
    const gateway = await Database.connect({ url: behind(proxy, database.appUrl), role: 'tg_app', entities: [], poolSize: 1 })
    const calls = callsOf(gateway)
    const place = placeOf('slow')
    // Four round trips: more than the three seconds a caller is kept waiting.
    await proxy.set({ is: 'latency', latencyMs: 1_000 })
    expect(await calls.begin(requestOf(place), unread)).toMatchObject({ refusal: { status: 503 } })
    await proxy.set({ is: 'none' })
    const { rid } = await eventually(async () => lifeOf(await callsOf(gateways[0]!).begin(requestOf(place), unread)), { timeoutMs: 8_000 })
    const { rows } = await owner.query('SELECT rid FROM idempotent_call WHERE key_hash = $1', [place.keyHash])
    expect(rows).toEqual([{ rid }])
    await gateway.close()
    await proxy.stop()
  }, 20_000)
})

describe('a key of a change', () => {
  let admin: Database
  let account: string
  beforeAll(async () => {
    admin = await Database.connect({ url: database.adminUrl, role: 'tg_admin', entities: [], poolSize: 4 })
    account = randomUUID()
    await owner.query(`INSERT INTO account (id, email, password_hash, role) VALUES ($1, 'a@example.com', 'x', 'owner')`, [account])
  })
  afterAll(() => admin.close())
  const mutations = () => new MutationKeysService(new KeysService(new KeyStore(admin, { name: 'idempotent_mutation', holder: 'account_id' }), LEASE_MS, logger), secrets)
  const begin = async (key: string) => mutations().begin(requestOf(placeOf(key, account, 'POST /admin/x')))
  const lifeOfChange = async (key: string): Promise<KeyLife> => {
    const begun = await begin(key)
    if (begun.kind !== 'run') throw new Error(begun.kind)
    return begun.life
  }

  it('replays the reply, which is kept sealed', async () => {
    await mutations().complete(await lifeOfChange('made'), { status: 201, body: { key: 'tg_live_secret' } })
    expect(await begin('made')).toEqual({ kind: 'replay', reply: { status: 201, body: { key: 'tg_live_secret' } } })
    const { rows } = await owner.query<{ outcome: string }>('SELECT outcome FROM idempotent_mutation WHERE outcome IS NOT NULL')
    expect(rows).toHaveLength(1)
    expect(rows[0]!.outcome + Buffer.from(rows[0]!.outcome, 'base64').toString('latin1')).not.toContain('secret')
  })

  it('does not open for another holder', async () => {
    const thief = randomUUID()
    await owner.query(`INSERT INTO account (id, email, password_hash, role) VALUES ($1, 'b@example.com', 'x', 'owner')`, [thief])
    await mutations().complete(await lifeOfChange('moved'), { status: 200 })
    await owner.query('UPDATE idempotent_mutation SET account_id = $1 WHERE key_hash = $2', [thief, keyHashOf('moved')])
    await expect(mutations().begin(requestOf(placeOf('moved', thief, 'POST /admin/x')))).rejects.toThrow()
  })

  it('that was cut off is neither repeated nor replayed', async () => {
    await mutations().leave(await lifeOfChange('cut'))
    expect(await begin('cut')).toMatchObject({ kind: 'refused', refusal: { status: 409, code: 'outcome_unknown' } })
  })

  it('is free after a refusal', async () => {
    await mutations().free(await lifeOfChange('refused'))
    expect((await begin('refused')).kind).toBe('run')
  })
})

describe('keys that are over', () => {
  it('are forgotten by the worker after 24 hours, in both planes; what runs or is younger stays', async () => {
    const calls = callsOf(gateways[0]!)
    const [old, running, young] = [placeOf('purge old'), placeOf('purge running'), placeOf('purge young')]
    const lives = await Promise.all([old, running, young].map(async (place) => lifeOf(await calls.begin(requestOf(place), unread))))
    for (const place of [old, running]) await pass(place, 'expires_at', '25 hours')
    for (const life of [lives[0]!, lives[2]!]) await calls.complete(life, OUTCOME)
    await owner.query(`UPDATE idempotent_mutation SET expires_at = now() - interval '1 hour', leased_until = now() - interval '1 hour'`)
    const worker = await Database.connect({ url: database.workerUrl, role: 'tg_worker', entities: [], poolSize: 1 })
    expect(await new ExpiredKeyStore(worker).purge()).toBeGreaterThan(1)
    await worker.close()
    const left = async (place: KeyPlace) => (await owner.query('SELECT 1 FROM idempotent_call WHERE key_hash = $1', [place.keyHash])).rowCount
    expect([await left(old), await left(running), await left(young)]).toEqual([0, 1, 1])
    expect((await owner.query('SELECT 1 FROM idempotent_mutation')).rowCount).toBe(0)
  })

  it('of one tenant are seen by no other', async () => {
    const seen = await gateways[0]!.withTenant(other, (tx) => tx.query<{ tenant_id: string }[]>('SELECT DISTINCT tenant_id FROM idempotent_call'))
    expect(seen).toEqual([{ tenant_id: other }])
  })
})
