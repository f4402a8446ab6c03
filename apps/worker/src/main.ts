import 'reflect-metadata'
import { NestFactory } from '@nestjs/core'
import { parseEnvironment, processEnvironment, requireCluster } from '@tollgate/platform/config'
import { READINESS } from '@tollgate/platform/http'
import { processLogger } from '@tollgate/platform/logging'
import { runMain, stopOnSignals } from '@tollgate/platform/process'
import { WorkerModule } from './worker.module'

runMain(async () => {
  const config = requireCluster(parseEnvironment(processEnvironment()))
  const app = await NestFactory.createApplicationContext(WorkerModule.register(config), { logger: processLogger(config.LOG_LEVEL).forNest(), abortOnError: false })
  stopOnSignals(app, { readiness: app.get(READINESS), drainMs: config.TOLLGATE_DRAIN_TIMEOUT_MS })
  console.log('Tollgate worker runs.')
})
