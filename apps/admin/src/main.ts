import 'reflect-metadata'
import { parseEnvironment, processEnvironment, requireCluster } from '@tollgate/platform/config'
import { createHttpApp, READINESS } from '@tollgate/platform/http'
import { runMain, stopOnSignals } from '@tollgate/platform/process'
import { AdminModule } from './admin.module'

const DEFAULT_PORT = 8081

runMain(async () => {
  const config = requireCluster(parseEnvironment(processEnvironment()))
  const app = await createHttpApp(AdminModule.register(config), { config })
  await app.listen(config.PORT ?? DEFAULT_PORT, config.HOST)
  stopOnSignals(app, { readiness: app.get(READINESS), drainMs: config.TOLLGATE_DRAIN_TIMEOUT_MS, noticeMs: config.TOLLGATE_DRAIN_NOTICE_MS })
  console.log(`Tollgate control plane listens on ${await app.getUrl()}`)
})
