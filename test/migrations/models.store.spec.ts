import type { Client } from 'pg'
import { HalfMigrated } from './half-migrated'

/** Stop before 0045, insert what an installation may hold, migrate, look. */
describe('migration 0045', () => {
  let half: HalfMigrated
  let database: Client
  beforeAll(async () => {
    half = await HalfMigrated.before(45)
    database = half.database
  })
  afterAll(() => half.drop())

  it('keeps context lengths that only an operator can have written, and leaves the others to the hosts', async () => {
    await database.query(`INSERT INTO model (name, display_name, origin, context_length, size_bytes, details) VALUES
      ('written', 'x', 'operator', 4096, NULL, '{}'), ('silent', 'x', 'operator', NULL, NULL, '{}'), ('listed', 'x', 'operator', 8192, NULL, '{}'),
      ('held', 'x', 'operator', 8192, 7, '{"family": "llama"}'), ('found', 'x', 'discovered', 8192, NULL, '{}')`)
    await database.query(`INSERT INTO host (id, name, region, provider, base_url) VALUES ('019a0000-0000-7000-8000-000000000001', 'router', 'us-east', 'openrouter', 'http://x')`)
    await database.query(`INSERT INTO deployment (host_id, model, upstream_name) VALUES ('019a0000-0000-7000-8000-000000000001', 'listed', 'listed')`)

    await half.migrate()

    const { rows } = await database.query(`SELECT name, context_length, is_context_set, num_ctx, keep_alive, retry_ambiguous FROM model WHERE name IN ('written', 'silent', 'listed', 'held', 'found') ORDER BY name`)
    const plain = { num_ctx: null, keep_alive: null, retry_ambiguous: false }
    expect(rows).toEqual([
      { name: 'found', context_length: 8192, is_context_set: false, ...plain },
      { name: 'held', context_length: 8192, is_context_set: false, ...plain },
      { name: 'listed', context_length: 8192, is_context_set: false, ...plain },
      { name: 'silent', context_length: null, is_context_set: false, ...plain },
      { name: 'written', context_length: 4096, is_context_set: true, ...plain },
    ])
  })
})

describe('migration 0085', () => {
  let half: HalfMigrated
  beforeAll(async () => (half = await HalfMigrated.before(85)))
  afterAll(() => half.drop())

  it('gives no model tools that it had not, and takes rows of the release before, which knows no tools', async () => {
    const insert = (name: string) => half.database.query(`INSERT INTO model (name, display_name, origin) VALUES ('${name}', 'x', 'operator')`)
    await insert('before')
    await half.migrate()
    await insert('after')
    expect((await half.database.query(`SELECT mcp_servers FROM model WHERE name IN ('before', 'after')`)).rows).toEqual([{ mcp_servers: [] }, { mcp_servers: [] }])
  })
})
