import { systemClock, systemIds } from '@tollgate/platform/clock'
import { ConfigError, parseEnvironment, processEnvironment, type Environment } from '@tollgate/platform/config'
import { Database, migrate } from '@tollgate/platform/postgres'
import { runMain } from '@tollgate/platform/process'
import { HOST_TABLES } from '@tollgate/hosts'
import { TENANT_TABLES } from '@tollgate/tenants'
import { addFirstOperator } from '@tollgate/tenants/people'

runMain(async () => {
  const config = parseEnvironment(processEnvironment())
  if (!config.DATABASE_URL) throw new ConfigError(['DATABASE_URL is not set: the owner log-in of the database to migrate'])
  const applied = await migrate({ url: config.DATABASE_URL, rolePassword: config.TOLLGATE_DB_PASSWORD })
  console.log(applied.length === 0 ? 'The database is up to date.' : `Applied ${applied.join(', ')}.`)
  if (!config.TOLLGATE_DB_PASSWORD) console.log('TOLLGATE_DB_PASSWORD is not set: the log-ins tg_app, tg_admin and tg_worker were left as they are.')
  await addOperator(config, config.DATABASE_URL)
})

/** The first operator of a new installation, when the environment names one. */
async function addOperator(config: Environment, url: string): Promise<void> {
  const { TOLLGATE_OPERATOR_EMAIL: email, TOLLGATE_OPERATOR_PASSWORD: password, TOLLGATE_DB_PASSWORD: databasePassword } = config
  if (!email && !password) return
  if (!email || !password || !databasePassword) throw new ConfigError(['TOLLGATE_OPERATOR_EMAIL, TOLLGATE_OPERATOR_PASSWORD and TOLLGATE_DB_PASSWORD go together: set all three'])
  const database = await Database.connect({ url, role: 'tg_admin', password: databasePassword, entities: [...TENANT_TABLES, ...HOST_TABLES], poolSize: 1 })
  try {
    const isNew = await addFirstOperator(database, systemClock, systemIds, { email, password })
    console.log(isNew ? `Added the operator ${email}.` : `The operator ${email} is there already; the password was left alone.`)
  } finally {
    await database.close()
  }
}
