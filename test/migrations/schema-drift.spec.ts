import { DataSource, type EntitySchema } from 'typeorm'
import { ADMIN_TABLES } from '../../apps/admin/src/admin.module'
import { createDatabase, type TestDatabase } from '../support/index'

describe('tables and migrations', () => {
  let database: TestDatabase
  let source: DataSource
  beforeAll(async () => {
    database = await createDatabase()
    source = await new DataSource({ type: 'postgres', url: database.ownerUrl, entities: ADMIN_TABLES as EntitySchema[] }).initialize()
  })
  afterAll(async () => {
    await source.destroy()
    await database.drop()
  })

  it('leave the schema builder nothing to do after migrating an empty database', async () => {
    const { upQueries } = await source.driver.createSchemaBuilder().log()
    expect(upQueries.map(({ query }) => query)).toEqual([])
  })

  it('map every column of their tables', async () => {
    const rows: { table_name: string; column_name: string }[] = await source.query('SELECT table_name, column_name FROM information_schema.columns WHERE table_name = ANY ($1)', [source.entityMetadatas.map((meta) => meta.tableName)])
    const mapped = new Set(source.entityMetadatas.flatMap((meta) => meta.columns.map((column) => `${meta.tableName}.${column.databaseName}`)))
    expect(rows.map((row) => `${row.table_name}.${row.column_name}`).filter((name) => !mapped.has(name))).toEqual([])
  })
})
