import { ConfigError, parseEnvironment, processEnvironment } from '@tollgate/platform/config'
import { migrate } from '@tollgate/platform/postgres'
import { runMain } from '@tollgate/platform/process'

runMain(async () => {
  const config = parseEnvironment(processEnvironment())
  if (!config.DATABASE_URL) throw new ConfigError(['DATABASE_URL is not set: the owner log-in of the database to migrate'])
  const applied = await migrate({ url: config.DATABASE_URL, rolePassword: config.TOLLGATE_DB_PASSWORD })
  console.log(applied.length === 0 ? 'The database is up to date.' : `Applied ${applied.join(', ')}.`)
  if (!config.TOLLGATE_DB_PASSWORD) console.log('TOLLGATE_DB_PASSWORD is not set: the log-ins tg_app, tg_admin and tg_worker were left as they are.')
})
