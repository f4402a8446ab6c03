import { randomBytes, randomUUID } from 'node:crypto'
import type { ClusterConfig } from '@tollgate/platform/config'
import { systemIds } from '@tollgate/platform/clock'
import { processLogger } from '@tollgate/platform/logging'
import { Database } from '@tollgate/platform/postgres'
import { SecretBox } from '@tollgate/platform/secrets'
import { Client } from 'pg'
import { createDatabase, FakeClock, type TestDatabase } from '../../test/support'
import { ConversationStore } from './conversation.store'
import { ConversationsService } from './conversations.service'
import { MOST_TURNS, type Owner } from './domain/conversation'
import { TurnStore } from './turn.store'
import { TurnsService, type OpenTurn } from './turns.service'
import { ConversationUpkeep } from './upkeep.service'
import { UpkeepStore } from './upkeep.store'

const [OLD, NEW] = ['the key that wraps at first, long enough', 'the key that wraps from now on, long too']
const LEASE_MS = 15_000
const WANTED = { projectId: null, model: null, allowedRegions: null, title: 'a title', system: null, ttlSeconds: 3_600 }
const ASKED = { messages: [{ role: 'user', content: 'hello' } as const], answer: 'there' }

describe('conversations in Postgres', () => {
  let database: TestDatabase
  let owner: Client
  let app: Database
  let worker: Database
  let clock: FakeClock
  let who: Owner
  let conversations: ConversationsService
  let gateways: TurnsService[]
  let upkeep: ConversationUpkeep
  beforeAll(async () => {
    database = await createDatabase()
    owner = new Client({ connectionString: database.ownerUrl })
    await owner.connect()
    app = await Database.connect({ url: database.appUrl, role: 'tg_app', entities: [], poolSize: 8 })
    worker = await Database.connect({ url: database.workerUrl, role: 'tg_worker', entities: [], poolSize: 2 })
  })
  beforeEach(async () => {
    clock = new FakeClock()
    const tenantId = randomUUID()
    await owner.query(`INSERT INTO tenant (id, slug, name, tier, home_region, allowed_regions, bucket) VALUES ($1, $2, $2, 'free', 'us-east', '{us-east}', 1)`, [tenantId, `t-${tenantId.slice(-12)}`])
    who = { tenantId, projectId: null }
    conversations = serviceWith(new SecretBox(OLD))
    gateways = [0, 1].map(() => new TurnsService(new TurnStore(app), new SecretBox(OLD), { TOLLGATE_LEASE_MS: LEASE_MS } as ClusterConfig, clock, processLogger('silent')))
    upkeep = new ConversationUpkeep(new UpkeepStore(worker), new SecretBox(OLD), clock)
  })
  afterAll(async () => {
    await app.close()
    await worker.close()
    await owner.end()
    await database.drop()
  })

  const serviceWith = (box: SecretBox) => new ConversationsService(new ConversationStore(app), new TurnStore(app), box, clock, systemIds)
  const make = async (wanted = {}) => {
    const made = await conversations.create(who, { ...WANTED, ...wanted })
    if ('code' in made) throw new Error(made.message)
    return made
  }
  const begin = async (id: string, gateway = 0, rid: string = randomUUID()): Promise<OpenTurn> => {
    const open = await gateways[gateway]!.begin(who, id, rid)
    if (open.kind === 'refused') throw new Error(open.refusal.code)
    return open
  }
  const rowsOf = async (table: string) => (await owner.query(`SELECT * FROM ${table} WHERE tenant_id = $1`, [who.tenantId])).rows

  it('expire by the clock after their last turn: nobody reads or goes on with them, and the worker deletes them', async () => {
    const { id } = await make({ ttlSeconds: 60 })
    clock.advance(59_000)
    await gateways[0]!.keep(await begin(id), ASKED, 'phi3')
    clock.advance(59_999)
    expect((await conversations.find(who, id))?.turns).toBe(1)
    clock.advance(1)
    expect(await conversations.find(who, id)).toBeNull()
    expect(await conversations.list(who, { limit: 10 })).toEqual([])
    expect(await conversations.switchModel(who, id, 'phi3')).toBe(false)
    expect(await conversations.remove(who, id)).toBe(false)
    await expect(begin(id)).rejects.toThrow('object_not_found')
    expect(await rowsOf('conversation_turn')).toHaveLength(1)
    expect(await upkeep.purge()).toBeGreaterThanOrEqual(1)
    expect([await rowsOf('conversation'), await rowsOf('conversation_turn')]).toEqual([[], []])
  })

  it('leave what has not expired to the worker of another day', async () => {
    const { id } = await make()
    clock.advance(3_599_999)
    await upkeep.purge()
    expect(await conversations.find(who, id)).not.toBeNull()
  })

  it('are taken by one request at a time; a gateway that died lets go when its lease has run out, and what it says later is not kept', async () => {
    const { id } = await make()
    const dead = await begin(id)
    await expect(begin(id, 1)).rejects.toThrow('conversation_busy')
    await owner.query('UPDATE conversation SET busy_until = now() WHERE id = $1', [id])
    const next = await begin(id, 1)
    expect(await gateways[0]!.keep(dead, ASKED, 'phi3')).toBe(false)
    expect(await gateways[1]!.keep(next, { ...ASKED, answer: 'second' }, 'phi3')).toBe(true)
    expect((await conversations.turnsOf(who, next.conversation)).map(({ answer }) => answer)).toEqual(['second'])
  })

  it('stay taken while their gateway lives, and are free when it lets go', async () => {
    const { id } = await make()
    const open = await begin(id)
    await owner.query('UPDATE conversation SET busy_until = now() WHERE id = $1', [id])
    await gateways[0]!.tend()
    await expect(begin(id, 1)).rejects.toThrow('conversation_busy')
    await gateways[0]!.release(open)
    await gateways[1]!.release(await begin(id, 1))
  })

  it('a gateway that stalled past its lease keeps its turn if nobody came in between', async () => {
    const { id } = await make()
    const slow = await begin(id)
    await owner.query('UPDATE conversation SET busy_until = now() WHERE id = $1', [id])
    await gateways[1]!.release(await begin(id, 1))
    expect(await gateways[0]!.keep(slow, ASKED, 'phi3')).toBe(true)
  })

  it('are full at their most turns, and are not taken', async () => {
    const { id } = await make()
    await owner.query('UPDATE conversation SET turns = $2 WHERE id = $1', [id, MOST_TURNS])
    await expect(begin(id)).rejects.toThrow('conversation_full')
    expect((await rowsOf('conversation'))[0].busy_rid).toBeNull()
  })

  it('open nowhere but in their own row: a turn or head that was moved or altered is refused', async () => {
    const [one, two] = [await make(), await make({ title: 'another' })]
    for (const { id } of [one, two]) await gateways[0]!.keep(await begin(id), ASKED, 'phi3')
    await owner.query('UPDATE conversation_turn SET sealed = (SELECT sealed FROM conversation_turn WHERE conversation_id = $2) WHERE conversation_id = $1', [one.id, two.id])
    await expect(conversations.turnsOf(who, one)).rejects.toThrow()
    await expect(begin(one.id)).rejects.toThrow('conversations_unavailable')
    await owner.query('UPDATE conversation SET head = (SELECT head FROM conversation WHERE id = $2) WHERE id = $1', [two.id, one.id])
    await expect(conversations.find(who, two.id)).rejects.toThrow()
  })

  it('are sealed by a key of their tenant, which follows a rotation without touching a text', async () => {
    const made = await make()
    await gateways[0]!.keep(await begin(made.id), ASKED, 'phi3')
    const before = (await rowsOf('conversation_turn'))[0].sealed
    const rotating = new ConversationUpkeep(new UpkeepStore(worker), new SecretBox(NEW, [OLD]), clock)
    expect((await rotating.rewrap()).rewrapped).toBeGreaterThanOrEqual(1)
    expect((await rotating.rewrap()).rewrapped).toBe(0)
    expect((await rowsOf('conversation_turn'))[0].sealed).toEqual(before)
    const now = serviceWith(new SecretBox(NEW))
    expect((await now.turnsOf(who, made))[0]).toMatchObject(ASKED)
    await expect(serviceWith(new SecretBox(OLD)).find(who, made.id)).rejects.toThrow('TOLLGATE_SECRETS_KEYS_ALSO')
    await owner.query('UPDATE conversation_key SET wrapped = $2 WHERE tenant_id = $1', [who.tenantId, randomBytes(120)])
    await owner.query('DELETE FROM tenant WHERE id = $1', [who.tenantId])
    expect([await rowsOf('conversation_key'), await rowsOf('conversation')]).toEqual([[], []])
  })

  it('cannot be read by the roles of operators and workers', async () => {
    const grants = (await owner.query(`SELECT role, tab, has_any_column_privilege(role, tab, 'SELECT') AS any, has_column_privilege(role, tab, col, 'SELECT') AS text
      FROM unnest('{tg_admin,tg_worker,tg_report}'::text[]) role, (VALUES ('conversation', 'head'), ('conversation_turn', 'sealed')) AS t (tab, col)`)).rows
    expect(grants.filter(({ text }) => text)).toEqual([])
    expect(grants.filter(({ any, role }) => any && role !== 'tg_worker')).toEqual([])
  })
})
