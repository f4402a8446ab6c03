import { stopCluster } from './redis-kinds'
import { flushUsedRedis } from './redis-targets'
import { killSpawnedApps } from './spawn-app'

// Loaded by Jest into every integration spec file.
beforeAll(flushUsedRedis)
afterAll(killSpawnedApps)
afterAll(stopCluster)
