import 'reflect-metadata'
import { systemClock, systemIds } from '@tollgate/platform/clock'
import { parseEnvironment, processEnvironment } from '@tollgate/platform/config'
import { runMain, stopOnSignals } from '@tollgate/platform/process'
import { startStandalone } from './standalone'

runMain(async () => {
  const environment = parseEnvironment({ LOG_LEVEL: 'warn', HOST: '127.0.0.1', ...processEnvironment() })
  const standalone = await startStandalone(environment, systemClock, systemIds)
  stopOnSignals({ close: () => standalone.stop() }, { readiness: standalone.readiness, drainMs: environment.TOLLGATE_DRAIN_TIMEOUT_MS })
  for (const line of standalone.lines) console.log(line)
})
