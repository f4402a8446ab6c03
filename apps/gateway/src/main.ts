import 'reflect-metadata'
import { parseEnvironment, processEnvironment, requireCluster } from '@tollgate/platform/config'
import { createHttpApp, READINESS } from '@tollgate/platform/http'
import { runMain, stopOnSignals } from '@tollgate/platform/process'
import { GatewayModule } from './gateway.module'

const DEFAULT_PORT = 8080

runMain(async () => {
  const config = requireCluster(parseEnvironment(processEnvironment()))
  const app = await createHttpApp(GatewayModule.register(config), { config })
  await app.listen(config.PORT ?? DEFAULT_PORT, config.HOST)
  stopOnSignals(app, { readiness: app.get(READINESS), drainMs: config.TOLLGATE_DRAIN_TIMEOUT_MS, noticeMs: config.TOLLGATE_DRAIN_NOTICE_MS })
  console.log(`Tollgate gateway listens on ${await app.getUrl()}`)
})
